/**
 * Whether the far side can choose whom a pattern names. A line is made as the pattern wants it, with text of the far
 * side's own in a place that the pattern leaves free; what the pattern then names is asked of the pattern itself.
 */
import RE2 from 're2';
import { newEntry } from '../syslog/entry.ts';
import { parseLine } from '../syslog/parse.ts';
import { createMatcher } from './matcher.ts';
import type { Pattern } from './pattern.ts';
import { choices, closeOf, cut, IP_GROUP, isWide, type Piece } from './pieces.ts';

/** Whom the far side would have banned, and who it is (RFC 5737). */
const VICTIM = '192.0.2.66';
const ATTACKER = '203.0.113.7';

/** The pattern as a row of parts: fixed text, text of any kind, the address. */
type Part = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'free' } | { readonly kind: 'ip' };

/** More ways through a pattern are not tried. */
const MOST_WAYS = 8;
/** A repeat is written out so often at most. */
const MOST_REPEATS = 16;

const CANDIDATES = [...'x1aA-./_: ,=[]()<>"\'@#;'];

/** A character that the class or escape takes; empty where none of the usual ones does. */
function example(expression: string): string {
  try {
    const one = new RE2(`^${expression}$`);
    return CANDIDATES.find((c) => one.test(c)) ?? '';
  } catch {
    return '';
  }
}

/** How often what stands before `quantifier` is written out, and whether it may be as long as one likes. */
function repeats(quantifier: string): { readonly times: number; readonly open: boolean } {
  if (quantifier.startsWith('?')) return { times: 1, open: false };
  if (quantifier.startsWith('*') || quantifier.startsWith('+')) return { times: 1, open: true };
  const bounds = /^\{(\d+)(,?)(\d*)\}/.exec(quantifier);
  const least = Number(bounds?.[1] ?? 1);
  return { times: Math.min(MOST_REPEATS, Math.max(least, 1)), open: bounds?.[2] === ',' && (bounds[3] === '' || Number(bounds[3]) > 6) };
}

/** One way through `pieces`: in every choice the part of number `way`, or the last one there is. */
function unfold(pieces: readonly Piece[], way: number): Part[] {
  const all = choices(pieces);
  const chosen = all[Math.min(way, all.length - 1)] ?? [];
  const parts: Part[] = [];
  for (let i = 0; i < chosen.length; i++) {
    const piece = chosen[i];
    if (piece === undefined || piece.kind === 'anchor' || piece.kind === 'quantifier') continue;
    const end = piece.kind === 'open' ? closeOf(chosen, i) : i;
    const next = chosen[end + 1];
    const { times, open } = repeats(next?.kind === 'quantifier' ? next.text : '{1}');
    let one: Part[];
    if (piece.kind === 'ip' || (piece.kind === 'open' && IP_GROUP.test(piece.text))) one = [{ kind: 'ip' }];
    else if (piece.kind === 'open') one = unfold(chosen.slice(i + 1, end), way);
    else if (isWide(piece) && open) one = [{ kind: 'free' }];
    else if (piece.kind === 'literal') one = [{ kind: 'text', text: piece.text }];
    else one = [{ kind: 'text', text: example(piece.text) }];
    for (let k = 0; k < times; k++) parts.push(...one);
    i = end;
  }
  return parts;
}

const textOf = (parts: readonly Part[], address: string): string => parts.map((p) => (p.kind === 'text' ? p.text : p.kind === 'ip' ? address : 'x')).join('');

/** Lines of an attacker at `ATTACKER` who would like `VICTIM` to be named. */
function attempts(parts: readonly Part[], isClosed: boolean): string[] {
  const ip = parts.findIndex((p) => p.kind === 'ip');
  if (ip < 0) return [];
  const lines: string[] = [];
  const whole = textOf(parts, ATTACKER);
  parts.forEach((part, i) => {
    if (part.kind !== 'free' || i > ip) return;
    const before = textOf(parts.slice(0, i), ATTACKER);
    const between = textOf(parts.slice(i + 1, ip), ATTACKER);
    const behind = textOf(parts.slice(ip + 1), ATTACKER);
    const rest = `${between}${ATTACKER}${behind}`;
    for (const forged of [`x${between}${VICTIM}`, `x${between}${VICTIM}${behind}`, `x${between}${VICTIM} `]) lines.push(`${before}${forged}${rest}`);
    // Where the line goes on behind what the pattern wants, the far side may have that, too. With $ its author says that it does not.
    if (!isClosed) lines.push(`${whole} ${between}${VICTIM}${behind}`, `${whole} x${between}${VICTIM}${behind}`);
  });
  return lines;
}

/**
 * A line of an attacker in which the pattern names somebody else, whose address he wrote into it; undefined when none was
 * found. Not a proof: it finds the usual mistakes.
 */
export function steeredBy(pattern: Pattern): string | undefined {
  const pieces = cut(pattern.source);
  const last = pieces.at(-1);
  const isClosed = last?.kind === 'anchor' && last.text === '$';
  const isTied = pattern.program !== undefined || pattern.fileBegin !== undefined || pieces[0]?.text === '^';
  const matcher = createMatcher([], [[pattern]], undefined, true);
  const entry = newEntry();
  const tried = new Set<string>();
  // Where there are fewer choices than ways, the last ones make the same lines again.
  const isVictimNamed = (line: string): boolean => {
    if (tried.has(line)) return false;
    tried.add(line);
    const bytes = Buffer.from(line);
    parseLine(bytes, 0, bytes.length, entry);
    return matcher.match(entry).hits[0]?.address === VICTIM;
  };
  for (let way = 0; way < MOST_WAYS; way++) {
    const parts = unfold(pieces, way);
    if (!isTied) {
      // It matches wherever its text stands, in a user name as well.
      const line = `sshd[811]: Invalid user ${textOf(parts, VICTIM)} from ${ATTACKER} port 4711`;
      if (isVictimNamed(line)) return line;
    }
    for (const line of attempts(parts, isClosed)) if (isVictimNamed(line)) return line;
  }
  return undefined;
}
