/** Configurations and policies to run in tests, with everything filled in that the test does not care about. */
import { FOREVER, ms, parsePrefix, type Prefix } from 'banban-shared';
import type { Config, PatternConfig, RuleConfig, TargetConfig } from '../../packages/server/src/config/config.ts';
import { compilePolicy, type Policy } from '../../packages/server/src/engine/policy.ts';

export const place = { file: 'test.yml', line: 1, key: '' };

export const HOUR = 3_600_000;
export const DAY = 86_400_000;

export const pattern = (source: string): PatternConfig => ({ source, place });

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a network: ${text}`);
  return parsed;
}

export const target = (name: string, given: Partial<TargetConfig> = {}): TargetConfig => ({
  name,
  backends: ['xt_recent'],
  ban: [ms(HOUR), ms(DAY), FOREVER],
  jitter: 0,
  ports: [],
  protocols: ['tcp'],
  action: 'drop',
  ipv6Prefix: 128,
  networkAfter: undefined,
  seconds: undefined,
  command: undefined,
  place,
  ...given,
});

export const rule = (name: string, given: Partial<RuleConfig> = {}): RuleConfig => ({
  name,
  target: 'BLOCKER',
  occurrences: 3,
  interval: ms(HOUR),
  memory: ms(90 * DAY),
  ban: [ms(HOUR), ms(DAY), FOREVER],
  jitter: 0,
  levels: 'target',
  grace: ms(0),
  usedns: 'no',
  countsBansOf: undefined,
  resetconns: false,
  badPatterns: [pattern(String.raw`sshd\[\d+\]: Failed \S+ for .* from <ip> port \d+ ssh2$`)],
  place,
  ...given,
});

export const config = (given: Partial<Config> = {}): Config => ({
  path: 'test.yml',
  sources: [{ type: 'unix', path: '/nowhere/log.sock', owner: undefined, group: undefined, mode: 0o600, rules: undefined, pardons: true, silentAfter: undefined }],
  database: '/nowhere/banban.db',
  control: { socket: '/nowhere/control.sock', group: undefined, mode: 0o660 },
  allowlist: [],
  allowFiles: [],
  allowHosts: [],
  allowSelf: false,
  guard: { sessions: true, gateway: true, resolvers: true },
  firewall: { manage: false, removeAtStop: false, hostsDeny: '/nowhere/hosts.deny' },
  targets: [target('BLOCKER')],
  goodPatterns: [pattern(String.raw`sshd\[\d+\]: Accepted \S+ for .* from <ip> port \d+ ssh2$`)],
  rules: [rule('ssh')],
  lists: [],
  breaker: { bansAMinute: 30_000, logins: 5 },
  breakinAfter: 10,
  keep: ms(90 * DAY),
  notify: [],
  ...given,
});

/** @throws when a pattern of the configuration can't be used: then the test is wrong */
export function policy(given: Partial<Config> = {}): Policy {
  const { policy: compiled, issues } = compilePolicy(config(given));
  const [first] = issues;
  if (first !== undefined) throw new Error(first.message);
  return compiled;
}
