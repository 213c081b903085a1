/** A configuration made ready to run: patterns compiled, the allow list indexed, what can't be used switched off by name. */
import { prefixSet, type PrefixSet } from 'banban-shared';
import type { Config, Issue, PatternConfig, RuleConfig, TargetConfig } from '../config/config.ts';
import type { Threshold } from '../count/window.ts';
import { createMatcher, type Matcher } from '../match/matcher.ts';
import { compilePattern, PatternError, type Pattern } from '../match/pattern.ts';

export interface RunningRule {
  readonly config: RuleConfig;
  readonly threshold: Threshold;
  /** Equal for two rules that count the same thing: a rule that keeps it over a reload keeps its windows. */
  readonly fingerprint: string;
}

export interface Policy {
  readonly config: Config;
  readonly allowlist: PrefixSet;
  readonly targets: ReadonlyMap<string, TargetConfig>;
  /** The rules that run, in the order of the matcher. */
  readonly rules: readonly RunningRule[];
  /** Rules that are switched off, with the reason. */
  readonly disabled: ReadonlyMap<string, string>;
  readonly matcher: Matcher;
}

function compileAll(patterns: readonly PatternConfig[], issues: Issue[]): Pattern[] {
  const compiled: Pattern[] = [];
  for (const { source, place } of patterns) {
    try {
      compiled.push(compilePattern(source));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      issues.push({ ...place, severity: 'error', message: `the pattern ${JSON.stringify(source.slice(0, 200))} can't be used: ${error.message}` });
    }
  }
  return compiled;
}

/**
 * Compiles a configuration. A rule with a pattern that can't be used is left out, and `issues` says why: whether that
 * refuses the whole (check, reload) or only the rule (start) is the caller's decision.
 */
export function compilePolicy(config: Config): { readonly policy: Policy; readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const good = compileAll(config.goodPatterns, issues);
  const rules: RunningRule[] = [];
  const patterns: Pattern[][] = [];
  const disabled = new Map<string, string>();
  for (const rule of config.rules) {
    const own: Issue[] = [];
    const compiled = compileAll(rule.badPatterns, own);
    issues.push(...own);
    const first = own[0];
    if (first !== undefined) {
      disabled.set(rule.name, first.message);
      continue;
    }
    const { name, occurrences, interval } = rule;
    rules.push({
      config: rule,
      threshold: { rule: name, occurrences, interval },
      fingerprint: JSON.stringify([name, rule.target, occurrences, interval, rule.badPatterns.map((p) => p.source)]),
    });
    patterns.push(compiled);
  }
  const policy: Policy = {
    config,
    allowlist: prefixSet(config.allowlist),
    targets: new Map(config.targets.map((t) => [t.name, t])),
    rules,
    disabled,
    matcher: createMatcher(good, patterns),
  };
  return { policy, issues };
}
