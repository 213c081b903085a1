/** From the options of `banband test` to patterns: those of a configuration, of packs, or both. */
import { ConfigError } from '../config/config-error.ts';
import type { Issue } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { packFolders, packLibrary } from '../config/packs.ts';
import { compilePolicy } from '../engine/policy.ts';
import type { Pack } from '../match/pack.ts';
import type { Pattern } from '../match/pattern.ts';
import type { TestRules } from './test-lines.ts';

/** What to try lines against; `all` is every pack there is. */
export interface RulesWanted {
  readonly config: string | undefined;
  readonly packs: readonly string[] | 'all' | undefined;
}

const whole = (message: string): Issue => ({ file: '--packs', line: 0, key: '', severity: 'error', message });

/** @throws ConfigError when one of the named files can't be used; with `all`, packs with a fault are left out and said */
export function rulesToTest({ config, packs }: RulesWanted): TestRules & { readonly warnings: readonly Issue[] } {
  const warnings: Issue[] = [];
  const good: Pattern[] = [];
  const rules: TestRules['rules'][number][] = [];
  const library = packLibrary(packFolders(config));
  if (config !== undefined) {
    const loaded = loadConfig(config);
    const { policy, issues, warnings: steered } = compilePolicy(loaded.config, library);
    if (issues.length > 0) throw new ConfigError(issues);
    warnings.push(...loaded.warnings, ...steered);
    const used = [...policy.patterns.values()];
    good.push(...used.filter((p) => p.good).flatMap((p) => p.compiled));
    for (const { config: rule } of policy.rules) rules.push({ name: rule.name, usedns: rule.usedns, patterns: used.filter((p) => p.rules.includes(rule.name)).flatMap((p) => p.compiled) });
  }
  const wanted = packs === 'all' ? library.names() : (packs ?? []);
  const taken: Pack[] = [];
  for (const name of wanted) {
    const found = library.get(name);
    if (found === undefined) throw new ConfigError([whole(`there is no pack ${JSON.stringify(name)}; there are ${library.names().join(', ')}`)]);
    if (found.issues.length > 0 && packs !== 'all') throw new ConfigError(found.issues);
    warnings.push(...found.issues.map((issue) => ({ ...issue, severity: 'warning' as const })));
    if (found.pack !== undefined) taken.push(found.pack);
  }
  const patterns = taken.flatMap((p) => p.patterns).filter((p) => !p.weak);
  good.push(...patterns.filter((p) => p.good).flatMap((p) => p.compiled));
  if (taken.length > 0) rules.push({ name: undefined, patterns: patterns.filter((p) => !p.good).flatMap((p) => p.compiled) });
  return { good, rules, warnings };
}
