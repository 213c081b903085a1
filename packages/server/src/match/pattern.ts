/**
 * One pattern of the configuration, made ready for RE2: `<ip>` becomes a group for an address, all other groups stop
 * capturing, and a pattern that begins with a program's name is tied to the line's own tag, so that the same text inside
 * a message (which the far side may have chosen) is not taken for it. It is longer than most files because all forms of an
 * expression are made from the same pieces.
 */
import type { Address } from 'banban-shared';
import RE2 from 're2';
import { closeOf, cut, firstBytes, groupName, IP_GROUP, isChoice, isPassedOnce, type Piece } from './pieces.ts';

/**
 * The bytes that stand for those of the address while a pattern is asked about one. Its first and its last differ from those
 * between, or a pattern could take a part of it for the whole (`<ip>.$`). No log line has the first (rsyslog writes it as
 * `#001`), and one that has is taken the slow way.
 */
export const MARK = { first: 0x01, between: 0x02, last: 0x03 } as const;

/** A pattern ready to be used; `compilePattern` makes it. */
export interface Pattern {
  /** What people and scripts call it: `sshd/failed-password`, or its place in the configuration. */
  readonly name: string;
  /** As the admin wrote it. */
  readonly source: string;
  /** Finds the pattern together with others, in an RE2.Set; its address group is loose (any run of address characters). */
  readonly finder: string;
  /** Captures the address as group 1. */
  readonly capturer: RE2;
  /**
   * Says whether the pattern matches a line in which the bytes of the address are those of `MARK`: a tenth of the price of a capture,
   * and enough where the line has one address. Undefined where the pattern says itself what an address looks like, where it
   * can match without its address (`(?:from <ip>|reset)`), and where it looks at the address from outside (`\b`).
   */
  readonly asker: RE2 | undefined;
  /** The asker's expression, to be tried together with others. */
  readonly askExpression: string | undefined;
  /** Captures as group 1 what stands in the place of the address, be it a host name or another word; what the pattern itself says of an address is left as it is. */
  readonly wordExpression: string;
  /** A colon stands beside the address, or the author writes `::ffff:` himself: of an IPv6 address in a line it may want a part only. */
  readonly besideColon: boolean;
  /** Where the edge of the address is not a literal of the pattern, the bytes around the capture have to be looked at. */
  readonly checkLeft: boolean;
  readonly checkRight: boolean;
  /** Matches the names of the programs whose lines it can match; undefined when any line will do. */
  readonly program: RE2 | undefined;
  /**
   * For a pattern that begins with a tag: the bytes with which the message behind it can begin, so that a line of which no
   * pattern wants the first byte need not be tried. Undefined where that is not known.
   */
  readonly messageFirst: ReadonlySet<number> | undefined;
  /** How the lines of a service's own log file begin, when the pattern is for lines without a program only. */
  readonly fileBegin: string | undefined;
  /**
   * For a pattern over two lines: the address that the first one had, when `text` is the second; undefined for any other. It
   * remembers what it is given.
   */
  readonly recall?: (text: Buffer) => Address | undefined;
  /** Whether it has a group `user`, `user2`, …. */
  readonly namesUsers: boolean;
  /** The asker with the groups of users, to be run where the address is known; undefined where there is none. */
  readonly userAsker: RE2 | undefined;
  /** What the groups `user`, `user2`, … have of a line that it matches: the first that is not empty. */
  userOf(text: Buffer): string | undefined;
}

/** What else is known of a pattern that comes out of a pack. */
export interface PatternOptions {
  readonly name?: string;
  readonly fileBegin?: string;
}

/** Why a pattern can't be used: one clause, for a sentence that says where it stands. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/** Longer expressions are somebody's mistake (a pasted file), and cost memory in every set. */
const LONGEST_SOURCE = 4096;

const V4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
/** The first form is `::2:3:4:5:6:7:8`, the only one with eight colons that does not end in two. */
const V6 = String.raw`:(?::[0-9A-Fa-f]{1,4}){7}|(?:[0-9A-Fa-f]{0,4}:){1,7}(?::|[0-9A-Fa-f]{1,4}(?:(?:\.\d{1,3}){3})?)`;
/** What `<ip>` stands for; `parseAddress` has the last word. A scope (`%eth0`) may follow and is not part of the address. */
export const STRICT_ADDRESS = `${V4}|${V6}`;
const STRICT_IP = `(${STRICT_ADDRESS})(?:%[0-9A-Za-z_.-]{1,32})?`;
const LOOSE_IP = String.raw`[0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.-]+)?`;

/** All that a host name can be made of, and what stands where there is none (`?`, `UNKNOWN`): or an earlier place in the line would be taken instead. */
const WORD = String.raw`([-.0-9?A-Z_a-z~\x{80}-\x{10ffff}]+)`;

/** Characters that end an address wherever they stand: next to one of them, as a literal, the edge is the pattern's own. */
const EDGE = new Set([' ', '"', "'", '<', '>', '@', ',', ';', '=', '/', '&']);
const EDGE_ESCAPE = new Set(['\\s', '\\[', '\\]', '\\(', '\\)', '\\"', '\\t', '\\|', '\\=', '\\/', '\\<', '\\>', '\\{', '\\}', '\\$']);

function isRightEdge(piece: Piece | undefined, next: Piece | undefined): boolean {
  if (piece === undefined) return false;
  // `\]?` may be absent, and then the edge is open.
  if (next?.kind === 'quantifier' && !next.text.startsWith('+')) return false;
  if (piece.kind === 'anchor') return piece.text === '$';
  if (piece.kind === 'literal') return EDGE.has(piece.text) || piece.text === ':';
  return piece.kind === 'escape' && EDGE_ESCAPE.has(piece.text);
}

/**
 * A colon may belong to an address, so one before `<ip>` is an edge only where the author wrote what is before it too,
 * back to a character that no address has: `IPv6:<ip>` is one, `.*:<ip>` and `a:<ip>` are not.
 */
function isLeftEdge(pieces: readonly Piece[], at: number): boolean {
  const piece = pieces[at - 1];
  if (piece === undefined) return false;
  if (piece.kind === 'anchor') return piece.text === '^';
  if (piece.kind === 'escape') return EDGE_ESCAPE.has(piece.text);
  if (piece.kind !== 'literal' || piece.text !== ':') return piece.kind === 'literal' && EDGE.has(piece.text);
  for (let i = at - 2; ; i--) {
    const before = pieces[i];
    if (before?.kind === 'escape') return EDGE_ESCAPE.has(before.text);
    if (before?.kind !== 'literal') return false;
    if (!/[0-9A-Fa-f:.]/.test(before.text)) return true;
  }
}

/** Whether what follows a colon lets it be the end of a tag: in `IPv6:<ip>` and `rip:x` it is none. */
const endsTag = (next: Piece | undefined): boolean =>
  next?.kind !== 'ip' && !(next?.kind === 'open' && IP_GROUP.test(next.text)) && !(next?.kind === 'literal' && !/[ \t#]/.test(next.text)) && !(next?.kind === 'escape' && !/^\\[st]$/.test(next.text));

/** Besides letters: what else a name can be made of, so that nothing outside of the tag is meant. */
const isOfName = ({ kind, text }: Piece): boolean =>
  kind === 'quantifier' || (kind === 'escape' && /^\\[./@+()$d-]$/.test(text)) || (kind === 'class' && /^\[(?:[A-Za-z0-9_./@+-]|\\[d.-])+\]$/.test(text));

/** The pieces of a program's name at the start of a pattern, up to `\[` or `:`; undefined when it does not begin with one. */
function programHead(pieces: readonly Piece[]): readonly Piece[] | undefined {
  const head: Piece[] = [];
  let depth = 0;
  let letters = 0;
  let found = false;
  for (let i = pieces[0]?.text === '^' ? 1 : 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece === undefined) break;
    const { kind, text } = piece;
    if (depth === 0 && ((kind === 'escape' && text === '\\[') || (kind === 'literal' && text === ':' && endsTag(pieces[i + 1])) || (kind === 'open' && /\\\[/.test(source(pieces, piece))))) {
      found = letters > 0;
      break;
    }
    if (kind === 'literal' && /[A-Za-z0-9_/@+-]/.test(text)) letters++;
    else if (kind === 'open') depth++;
    else if (kind === 'close') depth--;
    else if (!isOfName(piece) && !(kind === 'or' && depth > 0)) return undefined;
    head.push(piece);
  }
  return found ? head : undefined;
}

/** The text of the group that begins with `open`, as far as its first close: enough to see `(?:\[\d+\])?:`. */
function source(pieces: readonly Piece[], open: Piece): string {
  const at = pieces.indexOf(open);
  const close = pieces.findIndex((p, i) => i > at && p.kind === 'close');
  return pieces.slice(at, close < 0 ? undefined : close).map((p) => p.text).join('');
}

/** RE2's own message; about a bracket without its fellow it repeats the whole expression, which is not the admin's but what was made of it. */
const reason = (error: unknown): string => (error instanceof Error ? error.message.replace(/^((?:missing|unexpected) \)): .*$/s, '$1') : String(error));

const UNKNOWN_TO_RE2 = /\(\?(?:[=!]|<[=!]|>)|\\[1-9]|\\k</;

/** What may take more than ASCII and yet not `é`, or no character at all: others by themselves, by number or by kind; `\b` and its like; `\Q…\E`. */
const BEYOND_ASCII = /[^\0-\x7f]|\\(?![dDsSwWafnrtv])[0-9A-Za-z]/;

/** The bytes of ASCII that a class or an escape takes, by its text; undefined where it takes others, too. */
const ascii = new Map<string, ReadonlySet<number> | undefined>();

function asciiOf(expression: string): ReadonlySet<number> | undefined {
  if (BEYOND_ASCII.test(expression)) return undefined;
  if (ascii.has(expression)) return ascii.get(expression);
  if (ascii.size >= MOST_TESTS) ascii.clear();
  const one = new RE2(`^${expression}$`);
  const found = one.test('é') ? undefined : new Set(Array.from({ length: 128 }, (_, c) => c).filter((c) => one.test(String.fromCharCode(c))));
  ascii.set(expression, found);
  return found;
}

/** What the message can begin with where the pattern begins with a tag without a space, and `: `. */
function messageFirst(pieces: readonly Piece[]): ReadonlySet<number> | undefined {
  if (isChoice(pieces)) return undefined;
  let depth = 0;
  for (const [i, piece] of pieces.entries()) {
    if (piece.kind === 'open') depth++;
    else if (piece.kind === 'close') depth--;
    else if (piece.kind === 'literal' && piece.text === ' ') return undefined;
    // What can take a space may take it into the message; and with flags (`(?i)`) a letter is not just that letter.
    else if (piece.kind === 'dot' || (piece.kind === 'anchor' && i > 0)) return undefined;
    else if ((piece.kind === 'class' || piece.kind === 'escape') && asciiOf(piece.text)?.has(0x20) !== false) return undefined;
    if (depth === 0 && piece.text === ':' && piece.kind === 'literal' && pieces[i + 1]?.text === ' ' && pieces[i + 2]?.kind !== 'quantifier') {
      return firstBytes(pieces, i + 2, asciiOf);
    }
  }
  return undefined;
}

/** Whether the expression begins with the name of a program. */
export function hasProgram(text: string): boolean {
  const pieces = cut(text);
  return !isChoice(pieces) && programHead(pieces) !== undefined;
}

/** Tests of programs' names, by their expressions: all patterns of a pack have the same one. */
const programTests = new Map<string, RE2>();
const MOST_TESTS = 1024;

function programTest(expression: string, compile: (expression: string) => RE2): RE2 {
  let test = programTests.get(expression);
  if (test === undefined) {
    if (programTests.size >= MOST_TESTS) programTests.clear();
    programTests.set(expression, (test = compile(expression)));
  }
  return test;
}

type Form = 'capture' | 'find' | 'ask' | 'name' | 'ask name' | 'word';

/** The expression as RE2 gets it, with another text for the address in each form, and no captures but those that are wanted. */
function render(pieces: readonly Piece[], place: Piece, form: Form): string {
  return pieces
    .map((p) => {
      if (p.kind === 'ip') return form === 'find' ? LOOSE_IP : form === 'word' ? WORD : form === 'ask' || form === 'ask name' ? '\\x01\\x02*\\x03' : STRICT_IP;
      if (p.kind !== 'open') return p.text;
      if (p === place) return form === 'find' ? '(?:' : '(';
      const name = groupName(p.text);
      if ((form === 'name' || form === 'ask name') && name !== undefined && USER_GROUP.test(name)) return `(?P<${name}>`;
      // Only the address is wanted: every capture costs.
      return p.text === '(' || name !== undefined ? '(?:' : p.text;
    })
    .join('');
}

/** Names of groups that hold a user: RE2 wants a name only once, so a pattern with alternatives counts them up. */
const USER_GROUP = /^user\d*$/;

/**
 * Compiles a pattern.
 *
 * @throws PatternError when RE2 can't run it, or when it does not have exactly one place for the address
 */
export function compilePattern(text: string, options: PatternOptions = {}): Pattern {
  if (text.length > LONGEST_SOURCE) throw new PatternError(`it is ${text.length} characters long; at most ${LONGEST_SOURCE} are taken`);
  const pieces = cut(text);
  const places = pieces.filter((p) => p.kind === 'ip' || (p.kind === 'open' && IP_GROUP.test(p.text)));
  const [place] = places;
  if (place === undefined) throw new PatternError('it has no <ip>, so it could not say whom to ban; put <ip> where the address stands');
  if (places.length > 1) throw new PatternError('it has more than one <ip>; exactly one address can be banned for a line');

  const head = isChoice(pieces) ? undefined : programHead(pieces);
  // The tag may have more before the name, as in `postfix/` before `smtpd`; nothing that can stand in a message.
  const tied = head !== undefined && !text.startsWith('^');
  const expression = (form: Form): string => `${tied ? '^[^\\s\\[\\]:]*' : ''}${render(pieces, place, form)}`;

  const compile = (source: string, flags = ''): RE2 => {
    try {
      return new RE2(source, flags);
    } catch (error) {
      const hint = UNKNOWN_TO_RE2.test(text) ? '; RE2 has no lookaround and no backreferences, which is why it can never stall' : '';
      throw new PatternError(`RE2 can't run it: ${reason(error)}${hint}`, { cause: error });
    }
  };
  const at = pieces.indexOf(place);
  const isPlaceholder = place.kind === 'ip';
  const end = isPlaceholder ? at : closeOf(pieces, at);
  const checkLeft = !isLeftEdge(pieces, at);
  const checkRight = !isRightEdge(pieces[end + 1], pieces[end + 2]);
  const isColon = (piece: Piece | undefined): boolean => piece?.kind === 'literal' && piece.text === ':';
  // An edge of a word is not where it was when a byte that belongs to no word stands for the address.
  const canAsk = isPlaceholder && isPassedOnce(pieces, at) && !pieces.some((p) => p.kind === 'escape' && /^\\[bB]$/.test(p.text));
  const finder = expression('find');
  // What RE2 can't run has to be known now; the other forms differ from it by the address only.
  const asker: RE2 | undefined = canAsk ? compile(expression('ask')) : undefined;
  if (!canAsk && compile(finder).test('')) throw new PatternError('it matches an empty line, so it would match every line');
  let capturer: RE2 | undefined = isPlaceholder ? undefined : compile(expression('capture'), checkLeft || checkRight ? 'd' : '');
  let namer: RE2 | undefined;
  let userAsker: RE2 | undefined;
  const name = head?.map((p) => (p.text === '(' ? '(?:' : p.text)).join('');
  const users = pieces.flatMap((p) => (p.kind === 'open' ? [groupName(p.text)] : [])).filter((g) => g !== undefined && USER_GROUP.test(g));
  return {
    name: options.name ?? text,
    source: text,
    finder,
    // Compiled when first needed: of hundreds of patterns most are never asked.
    get capturer() {
      return (capturer ??= compile(expression('capture'), checkLeft || checkRight ? 'd' : ''));
    },
    asker,
    askExpression: canAsk ? expression('ask') : undefined,
    get wordExpression() {
      return expression('word');
    },
    besideColon: isColon(pieces[at - 1]) || isColon(pieces[end + 1]) || /:ffff:/i.test(text),
    checkLeft,
    checkRight,
    program: name === undefined ? undefined : programTest(`^${tied ? '[^\\s\\[\\]:]*' : ''}(?:${name})(?:\\([^()]*\\))?$`, compile),
    messageFirst: options.fileBegin === undefined && (head !== undefined || pieces[0]?.text === '^') ? messageFirst(pieces) : undefined,
    fileBegin: options.fileBegin,
    namesUsers: users.length > 0,
    get userAsker() {
      return canAsk && users.length > 0 ? (userAsker ??= compile(expression('ask name'))) : undefined;
    },
    userOf(bytes) {
      if (users.length === 0) return undefined;
      const groups = (namer ??= compile(expression('name'))).exec(bytes.toString())?.groups;
      return users.map((g) => groups?.[g ?? '']).find((u) => u !== undefined && u !== '');
    },
  };
}
