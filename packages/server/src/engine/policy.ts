/** A configuration made ready to run: patterns compiled, packs taken in, the allow list indexed, what can't be used switched off by name. */
import type { Config, Issue, PatternConfig, RuleConfig, TargetConfig } from '../config/config.ts';
import type { Threshold } from '../count/window.ts';
import { createHostMatcher, type HostMatcher } from '../match/host-names.ts';
import { createMatcher, type Matcher } from '../match/matcher.ts';
import type { Pack, PackPattern } from '../match/pack.ts';
import { compilePattern, PatternError, type Pattern } from '../match/pattern.ts';
import { steeredBy } from '../match/steer.ts';

/** A rule that runs. */
export interface RunningRule {
  readonly config: RuleConfig;
  readonly threshold: Threshold;
  /** Equal for two rules that count the same thing: a rule that keeps it over a reload keeps its windows. */
  readonly fingerprint: string;
}

/** One pattern as people see it: what an admin wrote, or what a pack has under one name, with everybody who uses it. */
export interface UsedPattern {
  /** `sshd/failed-password`, or its place in the configuration: `rules.fullblock.badpatterns[1]`. */
  readonly name: string;
  readonly good: boolean;
  /** The names of the rules in which it counts; empty for a good pattern. */
  readonly rules: readonly string[];
  /** One, or several where a pack knows several ways in which a line begins. */
  readonly compiled: readonly Pattern[];
  /** The pack's own words on it; undefined for a pattern of the admin's own. */
  readonly pack: Pack | undefined;
  readonly packPattern: PackPattern | undefined;
}

/** A configuration that can run. */
export interface Policy {
  readonly config: Config;
  readonly targets: ReadonlyMap<string, TargetConfig>;
  /** The rules that run, in the order of the matcher. */
  readonly rules: readonly RunningRule[];
  /** Rules that are switched off, with the reason. */
  readonly disabled: ReadonlyMap<string, string>;
  /** All patterns by name, those of switched-off rules left out. */
  readonly patterns: ReadonlyMap<string, UsedPattern>;
  /** True when a pack or pattern asks for banband's own lines, as the pack `banban` does. */
  readonly watchesOwn: boolean;
  readonly matcher: Matcher;
  /** For lines in which that finds nothing, the rules that want host names; undefined where none does. Their places are those in `rules`. */
  readonly hostNames: HostMatcher | undefined;
  /** The same of all rules, to explain a line or two. */
  readonly allHostNames: () => HostMatcher;
}

/** Where the packs come from. */
export interface Packs {
  /** The pack, as far as it can be used, and what is wrong with it; undefined when there is none of that name. */
  get(name: string): { readonly pack: Pack | undefined; readonly file: string; readonly issues: readonly Issue[] } | undefined;
  names(): readonly string[];
}

/** For configurations that use none. */
const NO_PACKS: Packs = { get: () => undefined, names: () => [] };

/** One entry of a list of patterns, compiled. */
interface Taken {
  readonly name: string;
  readonly compiled: readonly Pattern[];
  readonly pack?: Pack;
  readonly packPattern?: PackPattern;
}

/** What stands in the way of one entry; `grave` ones take their rule out of use. */
interface Trouble {
  readonly issue: Issue;
  readonly grave: boolean;
}

function ownPattern({ source, place }: PatternConfig, trouble: Trouble[]): Taken[] {
  try {
    const name = place.key === '' ? source : place.key;
    const pattern = compilePattern(source, { name });
    const line = steeredBy(pattern);
    if (line !== undefined) {
      const message = `whoever writes the line can choose whom this pattern names; with ${JSON.stringify(line)} it is 192.0.2.66 that counts. Begin with ^ and the program, and close what stands behind the address with $`;
      trouble.push({ grave: false, issue: { ...place, severity: 'warning', message } });
    }
    return [{ name, compiled: [pattern] }];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    trouble.push({ grave: true, issue: { ...place, severity: 'error', message: `the pattern ${JSON.stringify(source.slice(0, 200))} can't be used: ${error.message}` } });
    return [];
  }
}

function packPatterns(use: string, { place }: PatternConfig, good: boolean, packs: Packs, trouble: Trouble[]): Taken[] {
  const refuse = (message: string): Taken[] => {
    trouble.push({ grave: true, issue: { ...place, severity: 'error', message } });
    return [];
  };
  const [name = '', part] = use.split('/');
  const found = packs.get(name);
  if (found === undefined) return refuse(`there is no pack ${name}; there are ${packs.names().join(', ') || 'none'}`);
  trouble.push(...found.issues.map((issue) => ({ issue, grave: false })));
  const { pack } = found;
  if (pack === undefined) return refuse(`the pack ${name} (${found.file}) can't be used`);
  const wanted = part === undefined ? pack.patterns.filter((p) => p.good === good && !p.weak) : pack.patterns.filter((p) => p.group === part || p.name === part);
  const isThere = part === undefined || pack.groups.some((g) => g.name === part);
  if (wanted.length === 0 && !isThere) return refuse(`the pack ${name} has no group or pattern ${part}; it has the groups ${pack.groups.map((g) => g.name).join(', ')}`);
  if (wanted.length === 0) return refuse(part === undefined ? `the pack ${name} has no ${good ? 'good' : 'bad'} patterns` : `no pattern of ${use} can be used`);
  const other = wanted.find((p) => p.good !== good);
  if (other !== undefined) return refuse(good ? `${use} is bad: it can't pardon anybody; put it into the badpatterns of a rule` : `${use} is good: it can't get anybody banned; put it into goodpatterns`);
  return wanted.map((p) => ({ name: p.fullName, compiled: p.compiled, pack, packPattern: p }));
}

/** Compiles a list of patterns. */
function take(patterns: readonly PatternConfig[], good: boolean, packs: Packs): { readonly taken: readonly Taken[]; readonly trouble: readonly Trouble[] } {
  const trouble: Trouble[] = [];
  const taken = patterns.flatMap((pattern) => (pattern.use === undefined ? ownPattern(pattern, trouble) : packPatterns(pattern.use, pattern, good, packs, trouble)));
  return { taken, trouble };
}

const sourcesOf = (taken: readonly Taken[]): string[] => taken.flatMap((t) => t.compiled.map((p) => p.source));

/**
 * Compiles a configuration. A rule with a pattern that can't be used is left out, a pattern of a pack that fails its own
 * samples is left out of its pack, and `issues` says why: whether that refuses the whole (check, reload) or only what is
 * at fault (start) is the caller's decision. `warnings` are of patterns that work, and can be steered by the far side.
 */
export function compilePolicy(config: Config, packs: Packs = NO_PACKS, precise?: () => number): { readonly policy: Policy; readonly issues: readonly Issue[]; readonly warnings: readonly Issue[] } {
  const issues: Issue[] = [];
  const note = (issue: Issue): void => {
    if (!issues.some((i) => i.file === issue.file && i.line === issue.line && i.message === issue.message)) issues.push(issue);
  };
  const patterns = new Map<string, UsedPattern>();
  const use = ({ name, compiled, pack, packPattern }: Taken, rule: string | undefined): void => {
    const known = patterns.get(name);
    const rules = [...(known?.rules ?? []), ...(rule === undefined || known?.rules.includes(rule) === true ? [] : [rule])];
    patterns.set(name, { name, good: rule === undefined, rules, compiled, pack, packPattern });
  };

  const good = take(config.goodPatterns, true, packs);
  for (const { issue } of good.trouble) note(issue);
  for (const taken of good.taken) use(taken, undefined);

  const rules: RunningRule[] = [];
  const bad: Pattern[][] = [];
  const disabled = new Map<string, string>();
  for (const rule of config.rules) {
    const { taken, trouble } = take(rule.badPatterns, false, packs);
    for (const { issue } of trouble) note(issue);
    const why = trouble.find((t) => t.grave)?.issue.message;
    if (why !== undefined) {
      disabled.set(rule.name, why);
      continue;
    }
    for (const each of taken) use(each, rule.name);
    const { name, occurrences, interval } = rule;
    rules.push({
      config: rule,
      threshold: { rule: name, occurrences, interval },
      fingerprint: JSON.stringify([name, rule.target, occurrences, interval, sourcesOf(taken)]),
    });
    bad.push(taken.flatMap((t) => t.compiled));
  }
  const goodOnes = good.taken.flatMap((t) => t.compiled);
  const all = [...goodOnes, ...bad.flat()];
  const wantsNames = rules.map((rule) => rule.config.usedns !== 'no');
  const policy: Policy = {
    config,
    targets: new Map(config.targets.map((t) => [t.name, t])),
    rules,
    disabled,
    patterns,
    watchesOwn: all.some((p) => p.program?.test('banband') === true),
    matcher: createMatcher(goodOnes, bad, precise),
    hostNames: wantsNames.includes(true) ? createHostMatcher(goodOnes, bad.map((own, i) => (wantsNames[i] === true ? own : []))) : undefined,
    allHostNames: () => createHostMatcher(goodOnes, bad, true),
  };
  return { policy, issues: issues.filter((i) => i.severity === 'error'), warnings: issues.filter((i) => i.severity === 'warning') };
}
