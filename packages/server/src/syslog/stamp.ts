/** The time that a line says of itself, in the forms that syslog and services write: for logs that are read afterwards. */
import { instant, type Instant } from 'banban-shared';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY = 86_400_000;

/** A stamp is looked for so far into the line: JSON and access logs have it behind an address and a name. */
const LOOKED_AT = 160;

const CLOCK = String.raw`(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?`;
const MONTH = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
/** RFC 3339 and what is like it; services also write a space or slashes. */
const ISO = new RegExp(String.raw`(?<!\d)(\d{4})[-/](\d\d)[-/](\d\d)(?:[Tt]| {1,2})(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))? ?(Z|z|UTC|[+-]\d\d:?\d\d)?`);
/** Access logs: `02/Jan/2026:03:04:05 +0100`; named: `02-Jan-2026 03:04:05.678`. */
const ACCESS = new RegExp(String.raw`(?<!\d)(\d\d)[/-]${MONTH}[/-](\d{4})[: ]${CLOCK}(?: ([+-]\d{4}))?`, 'i');
/** C's asctime: `Fri Jan  2 03:04:05.123456 2026`. */
const ASCTIME = new RegExp(String.raw`${MONTH} {1,2}(\d{1,2}) ${CLOCK} (\d{4})`, 'i');
/** RFC 3164: no year. */
const BSD = new RegExp(String.raw`${MONTH} {1,2}(\d{1,2}) ${CLOCK}`, 'i');
/** `1767323045.123`, squid and journalctl -o short-unix. */
const UNIX = /^(\d{10})(?:\.(\d{1,9}))? /;

const milliseconds = (fraction: string | undefined): number => Math.floor(Number(`0.${fraction ?? '0'}`) * 1000);

/** Minutes east of Greenwich; undefined where the stamp has no zone: then it is the machine's own. */
function zoneOf(zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined;
  const parts = /^([+-])(\d\d):?(\d\d)$/.exec(zone);
  return parts === null ? 0 : (parts[1] === '-' ? -1 : 1) * (Number(parts[2]) * 60 + Number(parts[3]));
}

function at(year: number, month: number, day: number, clock: readonly (string | undefined)[], zone: string | undefined): number {
  const [hour, minute, second, fraction] = clock;
  const parts = [year, month, day, Number(hour), Number(minute), Number(second), milliseconds(fraction)] as const;
  const offset = zoneOf(zone);
  return offset === undefined ? new Date(...parts).getTime() : Date.UTC(...parts) - offset * 60_000;
}

const monthOf = (name: string | undefined): number => MONTHS.indexOf((name ?? '').toLowerCase());

/**
 * The time in a line. Where the line has no year it is the latest one that is not after `newest` by more than a day (a
 * sender's clock may be ahead); where it has no zone it is the machine's own.
 *
 * @param newest the time at which the log was last written
 * @returns undefined when the line has no time in it
 */
export function stampOf(line: string, newest: Instant): Instant | undefined {
  const head = line.slice(0, LOOKED_AT);
  const unix = UNIX.exec(head);
  if (unix !== null) return instant(Number(unix[1]) * 1000 + milliseconds(unix[2]));
  const candidates: { readonly index: number; readonly time: number }[] = [];
  const add = (found: RegExpExecArray | null, time: (m: RegExpExecArray) => number): void => {
    if (found !== null) candidates.push({ index: found.index, time: time(found) });
  };
  add(ISO.exec(head), (m) => at(Number(m[1]), Number(m[2]) - 1, Number(m[3]), m.slice(4, 8), m[8]));
  add(ACCESS.exec(head), (m) => at(Number(m[3]), monthOf(m[2]), Number(m[1]), m.slice(4, 8), m[8]));
  // Before the one without a year, which begins where it does.
  add(ASCTIME.exec(head), (m) => at(Number(m[7]), monthOf(m[1]), Number(m[2]), m.slice(3, 7), undefined));
  add(BSD.exec(head), (m) => {
    const last = new Date(newest);
    const month = monthOf(m[1]);
    const time = (year: number): number => at(year, month, Number(m[2]), m.slice(3, 7), undefined);
    // In December a sender may be in the next year already.
    let year = last.getFullYear() + (last.getMonth() === 11 ? 1 : 0);
    while (time(year) > newest + DAY) year--;
    return time(year);
  });
  // The first in the line is the one that was put before it; a later one may be the far side's.
  const first = candidates.reduce<(typeof candidates)[number] | undefined>((best, c) => (best === undefined || c.index < best.index ? c : best), undefined);
  return first === undefined || Number.isNaN(first.time) ? undefined : instant(first.time);
}
