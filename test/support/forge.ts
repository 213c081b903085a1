/** What somebody would write into a field of a log line to have another address banned, and where the fields of a pack's sample lines are. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { newEntry, type Entry } from '../../packages/server/src/syslog/entry.ts';
import { unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import type { Pack, PackPattern, Sample } from '../../packages/server/src/match/pack.ts';
import { closeOf, cut, groupName, isChoice } from '../../packages/server/src/match/pieces.ts';

/** The part of re2 that is used here: a RegExp that says where its groups are. */
interface Expression {
  exec(text: string): { readonly indices?: { readonly groups?: Readonly<Record<string, readonly [number, number]>> } } | null;
}

// The package belongs to the server, so it is found from there.
const RE2 = createRequire(join(import.meta.dirname, '../../packages/server/package.json'))('re2') as new (source: string, flags: string) => Expression;

/** The address that no pattern may ever name. */
const VICTIM = '192.0.2.66';
const VICTIM_V6 = '2001:db8:f0::66';

/** What services write where they don't know an address, or would rather not. */
const NO_ADDRESS = ['host.example.com', 'localhost', 'unknown', 'local', '?', ''];

/** A text of the service's own: its length is its own affair, and so is what stands in it. */
const isOwn = (group: string): boolean => group.startsWith('own');

/** Texts that mean something to one service or another. */
const GENERAL: readonly string[] = [
  VICTIM,
  `::ffff:${VICTIM}`,
  `x from ${VICTIM} port 22 ssh2`,
  `x from ${VICTIM}`,
  `x from [${VICTIM}]`,
  `x from ${VICTIM_V6} port 22 ssh2`,
  `a rhost=${VICTIM}`,
  `rhost=${VICTIM}  user=root`,
  `x[${VICTIM}]`,
  `x [${VICTIM}]: 535 Incorrect authentication data (set_id=y)`,
  `x[${VICTIM}]: SASL LOGIN authentication failed: y`,
  `x (${VICTIM})`,
  `", client: ${VICTIM}, server: "`,
  `, client: ${VICTIM}`,
  `' from '${VICTIM}'`,
  `x'@'${VICTIM}' (using password: YES)`,
  `x>, method=PLAIN, rip=${VICTIM}, lip=203.0.113.1, session=<a>`,
  `rip=${VICTIM}`,
  `H=(x) [${VICTIM}]:25`,
  `x) [${VICTIM}]:1234`,
  `{"remoteAddr":"${VICTIM}"}`,
  `x. IP: ${VICTIM}. Username: y`,
  `(Remote IP: ${VICTIM})`,
  `' failed for '${VICTIM}:5060' - Wrong password`,
  `x] [client ${VICTIM}:1234] AH01617: `,
  `[client ${VICTIM}]`,
  `relay=x [${VICTIM}]`,
  `x host=${VICTIM}`,
  `ip=${VICTIM}`,
  `IP="${VICTIM}"`,
  `addr=${VICTIM}, terminal=ssh res=failed`,
  `x${VICTIM}`,
  `${VICTIM}.example.net`,
  `${VICTIM} - - [01/Jan/2026:00:00:00 +0000] "GET /wp-login.php HTTP/1.1" 404 1 "-" "-"`,
  `x#012Oct 11 22:14:15 h sshd[1]: Failed password for root from ${VICTIM} port 22 ssh2`,
  `x\\nOct 11 22:14:15 h sshd[1]: Failed password for root from ${VICTIM} port 22 ssh2`,
  `x\\x0asshd[1]: Invalid user a from ${VICTIM} port 22`,
  `x\\u000a\\u0022,\\u0022ip\\u0022:\\u0022${VICTIM}`,
  `\\",\\"ip\\":\\"${VICTIM}\\"`,
  `\\x22, client: ${VICTIM}, server: y`,
  `'' ''${VICTIM}''`,
  `a\tb ${VICTIM}`,
  `a  ${VICTIM}  b`,
  `x: ${VICTIM}`,
];

/** The parsed text of a line, as patterns get it. */
export function textOf(line: string, entry: Entry = newEntry()): string {
  const bytes = Buffer.from(line);
  parseLine(bytes, 0, unescapeTabs(bytes, 0, bytes.length), entry);
  return entry.text.toString('utf8', entry.textStart, entry.textEnd);
}

/** A field of a sample that the far side chooses. */
export interface Field {
  readonly group: string;
  readonly from: number;
  readonly to: number;
  /** As the service writes a text into this field, where the pattern says that it escapes what would end it. */
  readonly escape: (text: string) => string;
}

/** A sample that a forger may work on. */
export interface Place {
  readonly pattern: PackPattern;
  readonly sample: Sample;
  /** What stands before the text that was matched: a stamp that the parser cuts off. */
  readonly head: string;
  readonly text: string;
  /** Of all fields those that are in this line, in the order of the line. */
  readonly fields: readonly Field[];
}

const V4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const ADDRESS = `(?:${V4}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(?:%[0-9A-Za-z_.-]+)?`;

/** Without the tag or stamp: from where the service's message begins. */
const messageOf = (text: string): string => text.replace(/^[^\s:[\]]+(?:\[\d+\])?: /, '');

/** What can stand in the DNS where a resolver looks at names as RFC 952 and 1123 say, which glibc and the BSDs do: spaces and brackets can't. */
const asName = (text: string): string => text.replace(/[^-._/A-Za-z0-9]+/g, '-');
const asJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(messageOf(text)) === 'object';
  } catch {
    return false;
  }
}

/** How a service writes what a group with this name and expression holds. */
function escapeOf(group: string, body: string, text: string, before: string): (text: string) => string {
  if (isJson(text)) return asJson;
  // In quotes it is what a client calls the server, as in HTTP.
  if (/^v?host/.test(group) && !/["']$/.test(before)) return asName;
  // Go's logrus and the like quote what has a sign in it.
  if (/\blevel=\w+ msg=/.test(text) && before.endsWith('=')) return (bait) => (/^[-\w./@^+]*$/.test(bait) ? bait : `"${asJson(bait)}"`);
  // With a backslash before what it excludes, or with quotes doubled.
  if (/\|""\)|""\|/.test(body)) return (text) => text.replaceAll('"', '""');
  const excluded = /^.*?\[\^([^\]]*)\](?:\)?[*+]?)?\|\\\\\./.exec(body)?.[1];
  if (excluded === undefined || !excluded.includes('\\\\')) return (text) => text;
  const quotes = [...`"'`].filter((quote) => excluded.includes(quote));
  return (text) => quotes.reduce((done, quote) => done.replaceAll(quote, `\\${quote}`), text.replaceAll('\\', '\\\\'));
}

/** The expression with its groups' names kept, each made unique: `<number>_<name>`. */
function named(expression: string, bodies: string[]): string {
  const pieces = cut(expression);
  return pieces
    .map((piece, at) => {
      if (piece.kind === 'ip') return ADDRESS;
      const name = piece.kind === 'open' ? groupName(piece.text) : undefined;
      if (name === undefined) return piece.text;
      bodies.push(pieces.slice(at + 1, closeOf(pieces, at)).map((p) => p.text).join(''));
      return `(?P<g${bodies.length - 1}_${name}>`;
    })
    .join('');
}

const closed = (expression: string): string => (isChoice(cut(expression)) ? `(?:${expression})` : expression);

/** A pattern's expressions, one for each beginning, with the names of their groups. */
function namedExpressions({ begins, match }: PackPattern): readonly { readonly expression: Expression; readonly bodies: readonly string[] }[] {
  return begins.map((begin) => {
    const bodies: string[] = [];
    return { expression: new RE2(`^${closed(named(begin, bodies))}${closed(named(match, bodies))}`, 'd'), bodies };
  });
}

/** All samples of a pattern with their fields. A sample that does not match is none: the pack's own faults are for others to find. */
export function placesOf(pattern: PackPattern): readonly Place[] {
  const expressions = namedExpressions(pattern);
  return pattern.samples.flatMap((sample) => {
    const text = textOf(sample.line);
    for (const { expression, bodies } of expressions) {
      const found = expression.exec(text);
      if (found === null) continue;
      const fields = Object.entries(found.indices?.groups ?? {}).flatMap(([name, at]) => {
        const [number = '', group = ''] = name.slice(1).split('_');
        // RE2 says [-1, -1] of a group that is not in the line.
        if (isOwn(group) || !Array.isArray(at) || at[0] < 0) return [];
        const before = text.slice(0, at[0]);
        const escape = escapeOf(group, bodies[Number(number)] ?? '', text, before);
        // A group that may be nothing and stands at the address begins with a blank of the service's own.
        const atAddress = before.endsWith(sample.address) && /^(?: |$)/.test(text.slice(...at));
        return [{ group, from: at[0], to: at[1], escape: atAddress ? (bait: string): string => ` ${escape(bait)}` : escape }];
      });
      fields.sort((a, b) => a.from - b.from || b.to - a.to);
      return [{ pattern, sample, head: sample.line.endsWith(text) ? sample.line.slice(0, sample.line.length - text.length) : '', text, fields }];
    }
    return [];
  });
}

const withVictim = (text: string, address: string): string => text.replaceAll(address, VICTIM);

/** What a forger who has read this pack would write: its lines, whole, without their beginning, and from the end of each field on. */
export function textsFor(pack: Pack, places: readonly Place[]): readonly string[] {
  const texts = new Set<string>();
  for (const { text, sample, fields } of places) {
    const line = withVictim(text, sample.address);
    texts.add(line).add(`x ${messageOf(line)}`).add(messageOf(line));
    for (const { to } of fields) {
      const tail = withVictim(text.slice(to), sample.address);
      if (tail.includes(VICTIM)) texts.add(`x${tail}`);
    }
  }
  for (const pattern of pack.patterns) {
    for (const { line, address } of pattern.samples) {
      const text = withVictim(line, address);
      if (text !== textOf(text)) texts.add(text);
    }
  }
  return [...texts];
}

/** Texts as a field's service writes them. */
const escaped = (texts: readonly string[], { escape }: Field): readonly string[] => texts.map(escape);

/** One field changed in each of the ways, then two at once, with `most.pairs` texts at most. */
export function* forgeries({ text, head, fields, sample }: Place, own: readonly string[], most: { readonly pairs: number }): Generator<string> {
  for (const field of fields) {
    const before = head + text.slice(0, field.from);
    const old = text.slice(field.from, field.to);
    const after = text.slice(field.to);
    // Where the service has a name to write, or nothing, the forged address is the only one.
    const nameless = (part: string): string => part.replaceAll(sample.address, NO_ADDRESS[field.from % NO_ADDRESS.length] ?? '');
    const [namelessBefore, namelessAfter] = [nameless(before), nameless(after)];
    for (const bait of escaped(GENERAL, field)) {
      yield `${before}${bait}${after}`;
      yield `${namelessBefore}${bait}${namelessAfter}`;
      yield `${before}${old} ${bait}${after}`;
      yield `${before}${bait} ${old}${after}`;
    }
    for (const bait of escaped(own, field)) {
      yield `${before}${bait}${after}`;
      yield `${namelessBefore}${bait}${namelessAfter}`;
      yield `${before}${old}${bait}${after}`;
      yield `${before}${bait}${old}${after}`;
    }
  }
  // A pair: one opens what the other closes.
  const baits = [...own, ...GENERAL];
  const pairs = (fields.length * (fields.length - 1)) / 2;
  const step = Math.max(1, Math.ceil((baits.length * pairs) / most.pairs));
  for (let i = 0; i < fields.length; i++) {
    for (let j = i + 1; j < fields.length; j++) {
      const [first, second] = [fields[i], fields[j]];
      if (first === undefined || second === undefined || first.to > second.from) continue;
      const both = (a: string, b: string): string => `${head}${text.slice(0, first.from)}${first.escape(a)}${text.slice(first.to, second.from)}${second.escape(b)}${text.slice(second.to)}`;
      for (let k = (i + j) % step; k < baits.length; k += step) {
        const bait = baits[k] ?? '';
        const from = bait.indexOf(VICTIM);
        const to = from < 0 ? 0 : from + VICTIM.length;
        yield both(bait, bait);
        yield both(bait.slice(0, to), `x${bait.slice(to)}`);
        if (from > 0) yield both(bait.slice(0, from), bait.slice(from));
      }
    }
  }
}

/** The lines as daemons and tools would write this one, when it is a tagged one: `tag[pid]: message`. */
export function logForms(line: string): readonly { readonly form: string; readonly line: string }[] {
  const entry = newEntry();
  const parts = /^([^\s:[\]]+)(?:\[(\d+)\])?: (.*)$/s.exec(line);
  // Not what was unfolded or cut already.
  if (parts === null || textOf(line, entry) !== line || entry.programEnd === entry.textStart) return [];
  const [, program, pid, message] = parts;
  const repeated = { form: 'repeated', line: `${program}${pid === undefined ? '' : `[${pid}]`}: message repeated 2 times: [ ${message}]` };
  return [
    { form: 'bare tag', line },
    { form: 'RFC 3164', line: `<38>Jan  2 03:04:05 host ${line}` },
    { form: 'without host', line: `<38>Jan  2 03:04:05 ${line}` },
    { form: 'ISO file', line: `2026-01-02T03:04:05.123456+01:00 host.example.com ${line}` },
    { form: 'RFC 5424', line: `<38>1 2026-01-02T03:04:05.123456Z host.example.com ${program} ${pid ?? '-'} - - ${message}` },
    { form: 'journalctl short', line: `Jan 02 03:04:05 host ${line}` },
    { form: 'journalctl short-iso', line: `2026-01-02T03:04:05+01:00 host ${line}` },
    { form: 'journalctl short-iso, older', line: `2026-01-02T03:04:05+0100 host ${line}` },
    { form: 'journalctl short-full', line: `Fri 2026-01-02 03:04:05 CET host ${line}` },
    repeated,
    { form: 'repeated, RFC 3164', line: `<38>Jan  2 03:04:05 host ${repeated.line}` },
  ];
}

/** A wide repeat that stands outside of a named group, as the text where it is; undefined when there is none. */
export function wideRepeat(expression: string): string | undefined {
  const pieces = cut(expression);
  const names: boolean[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece === undefined) break;
    if (piece.kind === 'open') names.push(groupName(piece.text) !== undefined);
    else if (piece.kind === 'close') names.pop();
    const wide = piece.kind === 'dot' || (piece.kind === 'escape' && /^\\[SDWw]$/.test(piece.text)) || (piece.kind === 'class' && (piece.text.startsWith('[^') || /\\[SDW]/.test(piece.text)));
    const next = pieces[i + 1];
    if (wide && next?.kind === 'quantifier' && next.text !== '?' && !names.includes(true)) return pieces.slice(Math.max(0, i - 8), i + 8).map((p) => p.text).join('');
  }
  return undefined;
}
