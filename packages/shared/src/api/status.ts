/** `status`: what the daemon is, sees and holds; every counter is since its start. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';

/** What one source of log lines has delivered since the start. */
const sourceStatus = record({
  type: { type: 'string', enum: ['unix'] },
  path: text,
  datagrams: integer,
  bytes: integer,
  lines: integer,
  /** Datagrams lost because the queue behind the socket was full. */
  dropped: integer,
  /** Datagrams that filled the whole 64 KiB buffer, so that their end may be missing. */
  cut: integer,
  /** Lines in which no program could be found; they are still matched as bare text. */
  unparsed: integer,
  /** banban's own lines, dropped so that its log cannot feed it. */
  own: integer,
  queued: integer,
  queueCapacity: integer,
  lastAt: nullable(stamp),
  /** A sentence when the source does not work. */
  error: nullable(text),
});

/** What one rule of the configuration asks for and has done since the start. */
export const ruleStatus = record({
  name: text,
  target: text,
  occurrences: integer,
  intervalSeconds: integer,
  matches: integer,
  offences: integer,
  bans: integer,
  /** Why the rule is switched off; null when it works. */
  disabled: nullable(text),
});
/** What one rule of the configuration asks for and has done since the start. */
export type RuleStatus = Infer<typeof ruleStatus>;

/** `ok` · `simulated` · `pending` rows are being written · `unread` no firewall rule looks at it · `missing` no such list · `full` more bans than places · `failed` see message. */
const listState = { type: 'string', enum: ['ok', 'simulated', 'pending', 'unread', 'missing', 'full', 'failed'] } as const;
/** What a kernel list is like, as just read. */
export type ListStatus = Infer<typeof listState>;

const targetStatus = record({
  name: text,
  /** Of several backends the worst. */
  state: listState,
  message: nullable(text),
  /** Active bans in the database. */
  bans: integer,
  /** Of those, the ones that all backends hold that can, as just read. */
  held: integer,
  /** Rows that banban did not write; they are left alone. */
  foreign: integer,
  /** At most 100 of them. */
  foreignNamed: list(text),
  /** Rows that the list can have; null when the kernel does not tell; of several the least. */
  capacity: nullable(integer),
  /** What is banned but not held, longest-lasting first; at most 100 are named. */
  notHeld: list(text),
  /** `bans` are those that the backend can hold: one may have no room for networks. */
  backends: list(record({ backend: text, state: listState, message: nullable(text), bans: integer, held: integer, foreign: integer, capacity: nullable(integer) })),
});
/** How far one target's kernel list holds what it should. */
export type TargetStatus = Infer<typeof targetStatus>;

/** The whole daemon at a glance. Counters run from its start; the kernel's lists were read for this answer. */
export const statusResponse = record({
  version: text,
  pid: integer,
  startedAt: stamp,
  uptimeSeconds: integer,
  /** False when the kernel is not touched; `simulatedBecause` says why. */
  enforcing: flag,
  simulatedBecause: nullable(text),
  config: record({
    path: text,
    loadedAt: stamp,
    /** Why the last reload was refused; null once one has succeeded. */
    error: nullable(text),
    warnings: list(text),
  }),
  sources: list(sourceStatus),
  matching: record({
    /** Lines that matched a good pattern, and those that matched a rule. */
    good: integer,
    bad: integer,
    /** Lines whose pattern matched but whose captured text was no address. */
    notAnAddress: integer,
  }),
  windows: record({ open: integer, capacity: integer, evicted: integer }),
  rules: list(ruleStatus),
  targets: list(targetStatus),
  bans: record({ active: integer, permanent: integer }),
  /** Existing connections cut by resetconns. */
  connections: record({ available: flag, queued: integer, cut: integer, failed: integer, dropped: integer }),
  store: record({ path: text, sizeBytes: integer, error: nullable(text) }),
  memory: record({ rssBytes: integer }),
  /** Everything that wants an admin's attention, a sentence each; empty when all is well. */
  problems: list(text),
});
export type StatusResponse = Infer<typeof statusResponse>;
