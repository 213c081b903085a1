/**
 * One entry of the systemd journal, from a line of `journalctl -o json` to a line as syslog daemons write it into files:
 * `2026-01-02T03:04:05.123456Z host sshd[811]: message`. Fields that begin with `_` are the journal's own; all others were written by
 * whoever logged, so nothing in them may become another host, program or process (systemd.journal-fields(7)).
 */
import { plainMessage } from './one-line.ts';

/** An entry: where it is in the journal, when the journal got it (microseconds since 1970), and its line, if it has a message. */
export interface JournalEntry {
  readonly cursor: string;
  readonly at: number;
  readonly line: Buffer | undefined;
  /** The message was longer than a line may be. */
  readonly isCut: boolean;
}

/** The fields that are asked for; `__CURSOR` and `__REALTIME_TIMESTAMP` come anyway. */
export const FIELDS: readonly string[] = ['MESSAGE', 'SYSLOG_IDENTIFIER', 'SYSLOG_PID', '_PID', '_COMM', '_HOSTNAME'];

/** As a datagram may have: what the parser of lines takes. */
const LONGEST_MESSAGE = 65_536 - 1024;
/** The parser's limit for the name of a program, and what a host name may have (RFC 1035). */
const LONGEST_NAME = 128;
const NOT_IN_NAME = /[^A-Za-z0-9_./@+()-]/g;
const LONGEST_HOST = 255;
const NOT_IN_HOST = /[^A-Za-z0-9_.-]/g;
/** Some 200 characters of `s=…;i=…`; the journal may add to them. */
const LONGEST_CURSOR = 1000;

type Fields = ReadonlyMap<string, unknown>;

const areBytes = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((byte) => typeof byte === 'number' && byte >= 0 && byte <= 255);

/** A field's bytes: text, or numbers where it is not UTF-8. Undefined where it is missing or too large for journalctl. */
function bytesOf(value: unknown): Buffer | undefined {
  // Several fields of one name come as a list of them.
  const one: unknown = Array.isArray(value) && !areBytes(value) ? value[0] : value;
  if (typeof one === 'string') return Buffer.from(one);
  return areBytes(one) ? Buffer.from(one) : undefined;
}

/** A name that cannot end itself early: any other character is written as `_`, and none is left out. */
function nameOf(value: unknown, longest: number, others: RegExp): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, longest).replace(others, '_') : undefined;
}

const numberOf = (value: unknown): string | undefined => (typeof value === 'string' && /^\d{1,10}$/.test(value) ? value : undefined);

/** ISO 8601 with microseconds. */
const stampOf = (microseconds: number): string => `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${String(microseconds % 1000).padStart(3, '0')}Z`;

function lineOf(fields: Fields, at: number, message: Buffer): Buffer {
  // The process that the kernel says: the sender could name any. Without a name a message could bring its own.
  const program = nameOf(fields.get('SYSLOG_IDENTIFIER'), LONGEST_NAME, NOT_IN_NAME) ?? nameOf(fields.get('_COMM'), LONGEST_NAME, NOT_IN_NAME) ?? 'unknown';
  const pid = numberOf(fields.get('_PID')) ?? numberOf(fields.get('SYSLOG_PID'));
  const host = nameOf(fields.get('_HOSTNAME'), LONGEST_HOST, NOT_IN_HOST) ?? '-';
  return Buffer.concat([Buffer.from(`${stampOf(at)} ${host} ${program}${pid === undefined ? '' : `[${pid}]`}: `), plainMessage(message, LONGEST_MESSAGE)]);
}

/** Reads one line of journalctl's; undefined where it is no entry. Never throws. */
export function readJournalEntry(json: Buffer): JournalEntry | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const fields: Fields = new Map<string, unknown>(Object.entries(parsed));
  const cursor = fields.get('__CURSOR');
  const at = Number(fields.get('__REALTIME_TIMESTAMP'));
  if (typeof cursor !== 'string' || cursor.length > LONGEST_CURSOR || !/^[\w=;.:-]+$/.test(cursor) || !Number.isSafeInteger(at) || at < 0) return undefined;
  const message = bytesOf(fields.get('MESSAGE'));
  return {
    cursor,
    at,
    line: message === undefined || message.length === 0 ? undefined : lineOf(fields, at, message),
    isCut: fields.get('MESSAGE') === null || (message?.length ?? 0) > LONGEST_MESSAGE,
  };
}
