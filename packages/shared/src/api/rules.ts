/** Rules, the patterns they count by, and what one line would do: `rules`, `pattern`, `match`. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';
import { ruleStatus } from './status.ts';

const patternFields = {
  /** `sshd/failed-password`, or the place in the configuration: `rules.fullblock.badpatterns[1]`. */
  name: text,
  good: flag,
  /** The rules in which it counts; empty for a good pattern. */
  rules: list(text),
  /** The pack, and the group within it; null for a pattern of the admin's own. */
  pack: nullable(text),
  group: nullable(text),
  matches: integer,
  /** Bans that its line completed, and how many of them a good pattern ended later. */
  bans: integer,
  pardoned: integer,
  /** An estimate from every 64th line. */
  cpuMilliseconds: { type: 'number' },
  lastAt: nullable(stamp),
  /** Why it was switched off; null when it works. */
  switchedOff: nullable(text),
} as const;

const patternView = record(patternFields);
/** One pattern in use, with what it did since the start. */
export type PatternView = Infer<typeof patternView>;

/** Every rule in the order of the file, every pattern by its name. */
export const rulesResponse = record({
  rules: list(ruleStatus),
  /** By name. Counters are since the start. */
  patterns: list(patternView),
});
export type RulesResponse = Infer<typeof rulesResponse>;

/** A rule that the circuit breaker has stopped, by its name. */
export const resumeBody = { type: 'object', properties: { rule: { type: 'string', minLength: 1, maxLength: 64 }, by: { type: 'string', minLength: 1, maxLength: 64 } }, required: ['rule', 'by'], additionalProperties: false } as const;
/** `resumed` is false where it was not stopped. */
export const resumeResponse = record({ rule: text, resumed: flag });

/** The pattern, by its name as `rules` has it. */
export const patternQuery = { type: 'object', properties: { name: { type: 'string', minLength: 1, maxLength: 200 } }, required: ['name'], additionalProperties: false } as const;

/** All of one pattern: what it does, and the evidence that its pack gives for it (empty for a pattern of the admin's own). */
export const patternResponse = record({
  pattern: patternView,
  /** The expressions as they run, one for each way in which a line can begin. */
  expressions: list(text),
  /** For a pattern of a pack: what the service is, what the group means, where the service writes the line. */
  service: nullable(text),
  about: nullable(text),
  source: nullable(text),
  samples: list(record({ line: text, address: text, user: nullable(text) })),
  misses: list(text),
});
export type PatternResponse = Infer<typeof patternResponse>;

/** A line is at most a datagram. */
export const matchBody = { type: 'object', properties: { line: { type: 'string', minLength: 1, maxLength: 65_536 } }, required: ['line'], additionalProperties: false } as const;

/** What would become of a line that came now; `rules` has each rule that would count it, none for a good line. */
export const matchResponse = record({
  /** What the line was read as; null where it has no program. */
  program: nullable(text),
  /** What the patterns see. */
  text,
  /** `own` for banband's own lines, which are dropped; null when nothing matched. */
  verdict: nullable({ type: 'string', enum: ['good', 'bad', 'own'] }),
  address: nullable(text),
  user: nullable(text),
  pattern: nullable(text),
  /** True when a pattern matched, and what stands where the address should be is none. */
  notAnAddress: flag,
  /** Where nothing else matched: rules that would count the line if the address of this host name stood there, and their usedns. */
  hostNames: list(record({ name: text, rule: text, pattern: text, usedns: { type: 'string', enum: ['no', 'warn', 'yes'] } })),
  /** More than one where a syslog daemon folded lines. */
  times: integer,
  rules: list(
    record({
      rule: text,
      target: text,
      pattern: text,
      address: text,
      /** With this line. */
      matches: integer,
      occurrences: integer,
      /** `counted` the window is not full · `ban`, `extend` what would be done · `none` nothing, for the reason. */
      decision: { type: 'string', enum: ['counted', 'ban', 'extend', 'none'] },
      level: nullable(integer),
      until: nullable(stamp),
      reason: nullable(text),
    }),
  ),
});
export type MatchResponse = Infer<typeof matchResponse>;
