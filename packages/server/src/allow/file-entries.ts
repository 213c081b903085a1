/** The text of an allow file: one address, network or host name a line. */
import { familyOf, networkOf, parseHostName, parsePrefix, subjectOf, type HostName, type Prefix } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** What a file allows, and which of its lines can't be used. */
export interface FileEntries {
  readonly prefixes: readonly Prefix[];
  readonly hosts: readonly HostName[];
  /** The first of them, each as `line 3: "10.0.0.300" is …`. */
  readonly bad: readonly string[];
  /** How many more there are. */
  readonly moreBad: number;
}

/** More is a database, and none of those who are never banned. */
const MOST_ENTRIES = 200_000;
/** A person reads so many and looks into the file. */
const MOST_NAMED = 3;
const LONGEST_SHOWN = 60;
/** Lines that are read within some 2 ms; then the loop turns. */
const AT_ONCE = 500;

/** Wider than any network that somebody has: /8 of IPv4 is the largest ever assigned, /16 of IPv6 holds a whole registry's. */
export const isTooWide = (prefix: Prefix): boolean => networkOf(subjectOf(prefix)).bits < (familyOf(prefix) === 4 ? 8 : 16);

function whyBad(text: string, prefix: Prefix | undefined): string {
  const shown = JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
  if (prefix !== undefined) return `${shown} is a large part of the whole Internet; if you mean it, put it on allowlist in the configuration itself`;
  return `${shown} is no address, no network such as 192.0.2.0/24 and no host name with a dot in it`;
}

/** Reads a file's text; `#` and `;` begin comments. Each entry is there once, in the order of the file. */
export async function readFileEntries(text: string, clock: Clock): Promise<FileEntries> {
  const prefixes = new Set<Prefix>();
  const hosts = new Set<HostName>();
  const bad: string[] = [];
  let count = 0;
  let number = 0;
  for (let from = 0; from <= text.length; ) {
    const end = text.indexOf('\n', from);
    const line = text.slice(from, end < 0 ? text.length : end).replace(/[#;].*$/s, '').trim();
    from = end < 0 ? text.length + 1 : end + 1;
    if (++number % AT_ONCE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
    if (line === '') continue;
    const prefix = parsePrefix(line);
    const host = prefix === undefined ? parseHostName(line) : undefined;
    const isFull = prefixes.size + hosts.size >= MOST_ENTRIES;
    if (!isFull && prefix !== undefined && !isTooWide(prefix)) prefixes.add(prefix);
    else if (!isFull && host !== undefined) hosts.add(host);
    else if (++count <= MOST_NAMED) bad.push(`line ${number}: ${isFull ? `it is one entry more than the ${MOST_ENTRIES} that a file may have` : whyBad(line, prefix)}`);
  }
  return { prefixes: [...prefixes], hosts: [...hosts], bad, moreBad: Math.max(0, count - MOST_NAMED) };
}
