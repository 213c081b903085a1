/** From the engine's records to the API's shapes. */
import { ms, toIso, toSeconds, type Address, type Ban, type Enforcement, type EndedBan, type Instant, type OffenceView } from 'banban-shared';
import type { BanRecord, EndedBanRecord, OffenceRecord } from '../store/store.ts';

/** ISO 8601 of an instant that is never `NEVER`. */
export const isoOf = (at: number): string => new Date(at).toISOString();

/** An active ban; `now` is what the remaining seconds are counted from. */
export function banView(ban: BanRecord, enforcement: Enforcement, now: Instant): Ban {
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
  };
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

/** Why the kernel does not hold a ban that is stored; null where it does. */
export function enforcementMessage(address: Address, target: string, enforcement: Enforcement, detail: string | undefined): string | null {
  switch (enforcement) {
    case 'held':
      return null;
    case 'simulated':
      return 'banband simulates and does not touch the kernel';
    case 'missing':
      return detail ?? `the kernel has no list ${target}`;
    case 'waiting':
      return detail ?? `the list ${target} is full`;
    case 'failed':
      return detail ?? `${address} could not be written to ${target}`;
  }
}

