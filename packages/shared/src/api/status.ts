/** `status`: what the daemon is, sees and holds; every counter is since its start. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';
import { receiverStatus } from './notify.ts';

/** What one source of log lines has delivered since the start. */
const sourceStatus = record({
  type: { type: 'string', enum: ['unix', 'file', 'journal', 'syslog', 'stdin'] },
  /** What it is called beside its type: a path, `udp 192.0.2.1:514`, the units of a journal. */
  path: text,
  /** Datagrams, journal entries, records, or blocks of a file. */
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
  /** Lines that matched a good pattern or a rule. */
  matched: integer,
  lastMatchAt: nullable(stamp),
  /** What waits to be worked off, of all sources together. */
  queued: integer,
  queueCapacity: integer,
  lastAt: nullable(stamp),
  /** Bytes that are there and not yet read; null where nobody can tell. */
  lagBytes: nullable(integer),
  /** How much later than it was written the last line was read; null where nobody can tell. */
  lagMilliseconds: nullable(integer),
  /** What senders sent who may not, or too many at once; the last of them. */
  refused: nullable(record({ count: integer, last: nullable(text) })),
  /** What the kernel dropped before it could be received; null where nobody can tell. */
  lost: nullable(integer),
  /** A sentence when the source does not work. */
  error: nullable(text),
  /** A sentence when it has fallen silent, or nothing of it matches any more. */
  alarm: nullable(text),
});

/** What one rule of the configuration asks for and has done since the start. */
export const ruleStatus = record({
  name: text,
  target: text,
  /** What it counts: lines, or bans of other rules. */
  counts: { type: 'string', enum: ['lines', 'bans'] },
  occurrences: integer,
  intervalSeconds: integer,
  matches: integer,
  offences: integer,
  bans: integer,
  /** Why the rule is switched off; null when it works. */
  disabled: nullable(text),
  /** Why the circuit breaker has stopped its bans, and since when; null when it has not. */
  stopped: nullable(record({ since: stamp, reason: text })),
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

/** An address that no rule may ban as things stand on this machine, and why, a sentence without its full stop. */
export const guarded = record({ address: text, why: text });
/** An address that no rule may ban as things stand on this machine, and why. */
export type GuardedAddress = Infer<typeof guarded>;

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
  /**
   * Lines with a host name where the address should be, and what became of the names: looked up, of those without an answer (`failed`) or
   * with an address that must not be banned (`spared`), and lines dropped because too many waited. Null while every rule has usedns: no.
   */
  hostNames: nullable(record({ seen: integer, lookedUp: integer, failed: integer, spared: integer, dropped: integer })),
  windows: record({ open: integer, capacity: integer, evicted: integer }),
  rules: list(ruleStatus),
  targets: list(targetStatus),
  bans: record({ active: integer, permanent: integer }),
  /** Existing connections cut by resetconns. */
  connections: record({ available: flag, queued: integer, cut: integer, failed: integer, dropped: integer }),
  /** Who is logged in, gateways and resolvers: how many addresses, and at most 100 of them. */
  guards: integer,
  guarded: list(guarded),
  /** Who is told of what happens, in the order of the configuration. */
  notify: list(receiverStatus),
  store: record({ path: text, sizeBytes: integer, error: nullable(text) }),
  memory: record({ rssBytes: integer }),
  /** Everything that wants an admin's attention, a sentence each; empty when all is well. */
  problems: list(text),
});
export type StatusResponse = Infer<typeof statusResponse>;
