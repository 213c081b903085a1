/** `firewall` and `doctor`: the rules that read the lists, and what is wrong between them, the database and the kernel. */
import { flag, integer, list, nullable, record, text, type Infer } from '../schema.ts';

/** One thing that is not as it should be, and what mends it. */
export const finding = record({
  /** `error` bans are not enforced as they should be · `warning` it works, but not for long or not for all. */
  severity: { type: 'string', enum: ['error', 'warning'] },
  /** A name that never changes its meaning, for scripts: `no-rule`, `rule-after-accept`. */
  code: text,
  target: nullable(text),
  backend: nullable(text),
  message: text,
  /** What to do, as a sentence or a command. */
  remedy: text,
});
export type FindingView = Infer<typeof finding>;

/** The rules that the configured targets need, as texts for nft, iptables-restore and ip6tables-restore. */
export const firewallResponse = record({ managed: flag, text });

/** What is wrong with the rules; empty when the machine has all that it needs. */
export const firewallCheckResponse = record({ findings: list(finding) });

/** What was put in or taken out, and what could not be, a sentence each. */
export const firewallChangeResponse = record({ changes: list(text), problems: list(text) });

/** How database and kernel differ, and all that is wrong with the rules. */
export const doctorResponse = record({
  findings: list(finding),
  targets: list(
    record({
      target: text,
      backend: text,
      /** Banned and not in the list; at most 100 are named. */
      missing: list(text),
      missingCount: integer,
      /** In the list and not banban's; at most 100 are named. */
      foreign: list(text),
      foreignCount: integer,
    }),
  ),
});
export type DoctorResponse = Infer<typeof doctorResponse>;

/** Whose ban the canary is, and in which target; default: the first of the configuration. */
export const canaryBody = {
  type: 'object',
  properties: { target: { type: 'string', maxLength: 64 }, by: { type: 'string', minLength: 1, maxLength: 64 } },
  required: ['by'],
  additionalProperties: false,
} as const;

/** The way of one tagged line: each step with the time it took since the one before. Steps that were never reached are not in it. */
export const canaryResponse = record({
  ok: flag,
  target: text,
  /** The documentation address (RFC 5737) that was banned for a moment. */
  address: text,
  steps: list(record({ step: { type: 'string', enum: ['sent', 'received', 'database', 'kernel', 'released'] }, milliseconds: { type: 'number' }, detail: text })),
  /** Why it came no further; null when it went all the way. */
  problem: nullable(text),
});
export type CanaryResponse = Infer<typeof canaryResponse>;
