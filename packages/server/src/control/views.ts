/** From the engine's records to the API's shapes. */
import { ms, subjectOf, toIso, toSeconds, type Ban, type EndedBan, type GuardedAddress, type Instant, type OffenceView, type Prefix } from 'banban-shared';
import type { Hits } from '../enforce/firewall.ts';
import type { EngineView } from './daemon-view.ts';
import type { BanRecord, EndedBanRecord, OffenceRecord } from '../store/store.ts';

/** ISO 8601 of an instant that is never `NEVER`. */
export const isoOf = (at: number): string => new Date(at).toISOString();

/** What is known of a ban from elsewhere than the database. */
export interface BanNow {
  readonly enforcement: Ban['enforcement'];
  /** Undefined where nothing tells. */
  readonly hits: Hits | undefined;
  /** What the remaining seconds are counted from. */
  readonly now: Instant;
}

/** An address that is guarded. */
export const guardView = ({ prefix, why }: { readonly prefix: Prefix; readonly why: string }): GuardedAddress => ({ address: subjectOf(prefix), why });

/** An active ban. */
export function banView(ban: BanRecord, { enforcement, hits, now }: BanNow): Ban {
  return {
    id: ban.id,
    address: ban.address,
    target: ban.target,
    origin: { kind: ban.origin.kind, name: ban.origin.name },
    level: ban.level ?? null,
    reason: ban.reason ?? null,
    since: isoOf(ban.since),
    until: toIso(ban.until),
    remainingSeconds: toSeconds(ms(Math.max(0, ban.until - now))),
    enforcement,
    connections: ban.connections,
    hits: hits === undefined ? null : { packets: hits.packets ?? null, bytes: hits.bytes ?? null, lastAt: hits.lastAt === undefined ? null : isoOf(hits.lastAt) },
  };
}

/** What met each of these bans. Reads the lists of their targets, each once; undefined for a ban of which nothing tells. */
export function hitsOfBans(engine: EngineView, bans: readonly BanRecord[]): (ban: BanRecord) => Hits | undefined {
  const byTarget = new Map([...new Set(bans.map((ban) => ban.target))].map((target) => [target, engine.hitsOf(target)]));
  return (ban) => byTarget.get(ban.target)?.get(ban.address);
}

/** A ban that is over. */
export function endedBanView(ban: EndedBanRecord): EndedBan {
  return {
    id: ban.id,
    target: ban.target,
    origin: { kind: ban.origin.kind, name: ban.origin.name },
    level: ban.level ?? null,
    reason: ban.reason ?? null,
    since: isoOf(ban.since),
    endedAt: isoOf(ban.endedAt),
    endedBy: ban.endedBy,
    endedName: ban.endedName ?? null,
  };
}

/** An offence with its log lines. */
export function offenceView(offence: OffenceRecord): OffenceView {
  return {
    id: offence.id,
    at: isoOf(offence.at),
    rule: offence.rule,
    target: offence.target,
    level: offence.level,
    decision: offence.decision,
    reason: offence.reason ?? null,
    lines: [...offence.lines],
  };
}
