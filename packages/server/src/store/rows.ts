/** Rows of the tables and the records they stand for. A row that does not parse means a damaged database, not a bug. */
import { instant, NEVER, parseSubject, type Instant, type Subject } from 'banban-shared';
import { StoreError, type BanOrigin, type BanRecord, type EndCause, type EndedBanRecord, type OffenceRecord, type Unreleased } from './store.ts';

/** A row of `bans`; instants are milliseconds, a null `until` is for ever. */
export interface BanRow {
  readonly id: number;
  readonly address: string;
  readonly target: string;
  readonly origin_kind: string;
  readonly origin_name: string;
  readonly level: number | null;
  readonly reason: string | null;
  readonly since: number;
  readonly until: number | null;
  readonly connections: number;
}

/** A row of `bans` that has an end. */
export interface EndedBanRow extends BanRow {
  readonly ended_at: number;
  readonly ended_by: string;
  readonly ended_name: string | null;
}

/** A row of `offences`; `lines` is a JSON list of texts. */
export interface OffenceRow {
  readonly id: number;
  readonly at: number;
  readonly address: string;
  readonly target: string;
  readonly rule: string;
  readonly level: number;
  readonly decision: string;
  readonly reason: string | null;
  readonly lines: string;
}

/** The part of a row of `bans` that names its row in the kernel. */
export interface UnreleasedRow {
  readonly id: number;
  readonly address: string;
  readonly target: string;
}

const END_CAUSES: readonly EndCause[] = ['expired', 'pardoned', 'unbanned', 'allowlisted', 'target_removed', 'delisted'];
const DECISIONS: readonly OffenceRecord['decision'][] = ['banned', 'extended', 'none'];

/** An offence keeps its newest lines up to this many and this many characters in all: evidence, not an archive. */
const MOST_LINES = 100;
const MOST_LINE = 4096;
const MOST_TEXT = 65_536;

/** Rules, targets and reasons of a configuration; a list of a hundred thousand different reasons has to do without. */
const MOST_SHARED = 1024;

/** An instant to compare with: the infinities are further than any stamp. A level's memory of `forever` asks since -Infinity. */
export const sqlBound = (at: Instant): number => Math.round(Math.min(Math.max(at, -8.64e15), 8.64e15));

/** An instant as SQL has it: whole milliseconds, NULL for never. NaN would read back as for ever, so it is refused. */
export function sqlInstant(at: Instant): number | null {
  if (at === NEVER) return null;
  if (!Number.isFinite(at)) throw new RangeError(`not an instant: ${at}`);
  return Math.round(at);
}

/** The lines of an offence as JSON, the oldest left out and long ones cut (ending in `…`) beyond the bounds. */
export function sqlLines(lines: readonly string[]): string {
  const kept: string[] = [];
  let room = MOST_TEXT;
  for (let i = lines.length - 1; i >= 0 && kept.length < MOST_LINES; i--) {
    const whole = lines[i] ?? '';
    const line = whole.length > MOST_LINE ? `${whole.slice(0, MOST_LINE)}…` : whole;
    room -= line.length;
    if (room < 0 && kept.length > 0) break;
    kept.push(line);
  }
  return JSON.stringify(kept.reverse());
}

/** Reads rows of the database at `path`; each method throws StoreError for a row that is not what banban writes. */
export class RowReader {
  /** Texts and origins that thousands of rows have alike, once: SQLite gives each row its own. */
  private readonly texts = new Map<string, string>();
  private readonly origins = new Map<string, BanOrigin>();

  constructor(private readonly path: string) {}

  private shared(text: string): string {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    if (this.texts.size >= MOST_SHARED) this.texts.clear();
    this.texts.set(text, text);
    return text;
  }

  ban(row: BanRow): BanRecord {
    return {
      id: row.id,
      address: this.address('bans', row),
      target: this.shared(row.target),
      origin: this.origin(row),
      level: row.level ?? undefined,
      reason: row.reason === null ? undefined : this.shared(row.reason),
      since: instant(row.since),
      until: row.until === null ? NEVER : instant(row.until),
      connections: row.connections,
    };
  }

  endedBan(row: EndedBanRow): EndedBanRecord {
    const endedBy = END_CAUSES.find((cause) => cause === row.ended_by) ?? this.damaged('bans', row.id, 'ended_by', row.ended_by);
    return { ...this.ban(row), endedAt: instant(row.ended_at), endedBy, endedName: row.ended_name ?? undefined };
  }

  offence(row: OffenceRow): OffenceRecord {
    return {
      id: row.id,
      at: instant(row.at),
      address: this.address('offences', row),
      target: row.target,
      rule: row.rule,
      level: row.level,
      decision: DECISIONS.find((decision) => decision === row.decision) ?? this.damaged('offences', row.id, 'decision', row.decision),
      reason: row.reason ?? undefined,
      lines: this.lines(row),
    };
  }

  unreleased(row: UnreleasedRow): Unreleased {
    return { id: row.id, address: this.address('bans', row), target: row.target };
  }

  private address(table: string, row: { readonly id: number; readonly address: string }): Subject {
    const address = parseSubject(row.address);
    // Canonical or nothing: a second spelling would be a second ban of one address, and would never be found again.
    return address === row.address ? address : this.damaged(table, row.id, 'address', row.address);
  }

  private origin(row: BanRow): BanOrigin {
    const { origin_kind: kind, origin_name: name } = row;
    if (kind === 'rule' || kind === 'manual' || kind === 'list') {
      const key = `${kind} ${name}`;
      const known = this.origins.get(key);
      if (known !== undefined) return known;
      if (this.origins.size >= MOST_SHARED) this.origins.clear();
      const origin: BanOrigin = { kind, name };
      this.origins.set(key, origin);
      return origin;
    }
    return this.damaged('bans', row.id, 'origin_kind', row.origin_kind);
  }

  private lines(row: OffenceRow): string[] {
    try {
      const lines: unknown = JSON.parse(row.lines);
      if (Array.isArray(lines) && lines.every((line) => typeof line === 'string')) return lines;
    } catch {
      // Not JSON: damaged, as below.
    }
    return this.damaged('offences', row.id, 'lines', row.lines);
  }

  private damaged(table: string, id: number, column: string, value: string): never {
    const shown = JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    throw new StoreError(`${this.path} is damaged (${table} ${id} has ${column} ${shown}): correct or delete that row with sqlite3, or put a backup in its place`);
  }
}
