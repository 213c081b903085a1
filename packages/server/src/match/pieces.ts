/** A regular expression cut into the pieces that banban has to tell apart: groups, classes, and the place of the address. */

/** The original's form of `<ip>`. */
export const IP_GROUP = /^\(\?P?<ip>/;

/** The name of a capturing group that has one, from the text of its `open` piece. */
export const groupName = (open: string): string | undefined => /^\(\?P?<([A-Za-z_]\w*)>$/.exec(open)?.[1];

/** A part of an expression that stands for itself. */
export interface Piece {
  /** `literal` one given character · `escape` a backslash sequence · `class` · `open`, `close` of a group · `or` · `ip` · `quantifier` · `anchor` · `dot`. */
  readonly kind: 'literal' | 'escape' | 'class' | 'open' | 'close' | 'or' | 'ip' | 'quantifier' | 'anchor' | 'dot';
  readonly text: string;
}

const GROUP_HEAD = /^\((?:\?(?:P?<([A-Za-z_]\w*)>|P?'([^']*)'|[A-Za-z-]*:|[A-Za-z-]+\)|[=!]|<[=!]))?/;

/** Cuts an expression into pieces, as far as banban has to understand it; RE2 is the judge of the rest. */
export function cut(source: string): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < source.length; ) {
    const c = source[i] ?? '';
    let kind: Piece['kind'] = 'literal';
    let text = c;
    if (c === '\\') {
      kind = 'escape';
      text = source.slice(i, i + 2);
      const long = /^\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|x[0-9A-Fa-f]{2}|Q)/.exec(source.slice(i));
      if (long !== null) text = long[0];
      if (text === '\\Q') {
        const close = source.indexOf('\\E', i);
        text = close < 0 ? source.slice(i) : source.slice(i, close + 2);
      }
    } else if (c === '[') {
      kind = 'class';
      let j = i + 1;
      if (source[j] === '^') j++;
      if (source[j] === ']') j++;
      for (; j < source.length && source[j] !== ']'; j++) {
        if (source[j] === '\\') j++;
        else if (source.startsWith('[:', j)) {
          const close = source.indexOf(':]', j + 2);
          if (close >= 0) j = close + 1;
        }
      }
      text = source.slice(i, j + 1);
    } else if (c === '(') {
      kind = 'open';
      text = GROUP_HEAD.exec(source.slice(i))?.[0] ?? '(';
      // `(?i)` is a flag, not a group: nothing closes it.
      if (text.endsWith(')')) kind = 'anchor';
    } else if (c === ')') kind = 'close';
    else if (c === '|') kind = 'or';
    else if (c === '.') kind = 'dot';
    else if (c === '^' || c === '$') kind = 'anchor';
    else if (c === '*' || c === '+' || c === '?') kind = 'quantifier';
    else if (c === '{') {
      const count = /^\{\d+(?:,\d*)?\}/.exec(source.slice(i));
      if (count !== null) {
        kind = 'quantifier';
        text = count[0];
      }
    } else if (source.startsWith('<ip>', i)) {
      kind = 'ip';
      text = '<ip>';
    }
    pieces.push({ kind, text });
    i += text.length;
  }
  return pieces;
}

/** The index of the piece that closes the group which `pieces[open]` opens; the last one where nothing does. */
export function closeOf(pieces: readonly Piece[], open: number): number {
  let depth = 0;
  for (let i = open; i < pieces.length; i++) {
    if (pieces[i]?.kind === 'open') depth++;
    else if (pieces[i]?.kind === 'close' && --depth === 0) return i;
  }
  return pieces.length - 1;
}

/** True when the expression is a choice as a whole: what is put before it would then stand before its first part only. */
export const isChoice = (pieces: readonly Piece[]): boolean => choices(pieces).length > 1;

/** True for what takes nearly any character: `.`, a negated class, `\\S` and its like. */
export const isWide = ({ kind, text }: Piece): boolean => kind === 'dot' || (kind === 'class' && text.startsWith('[^')) || (kind === 'escape' && /^\\[SDW]$/.test(text));

/**
 * True when every match of the expression goes through `pieces[at]`, once: it stands in no choice, in nothing that may be
 * absent and in nothing that is repeated.
 */
export function isPassedOnce(pieces: readonly Piece[], at: number): boolean {
  if (pieces[at + 1]?.kind === 'quantifier') return false;
  // The groups around it, by how many are open: a choice belongs to the innermost one.
  let depth = 0;
  for (let i = at - 1; i >= 0; i--) {
    const kind = pieces[i]?.kind;
    if (kind === 'close') depth++;
    else if (kind === 'open') depth = depth > 0 ? depth - 1 : 0;
    else if (kind === 'or' && depth === 0) return false;
  }
  depth = 0;
  for (let i = at + 1; i < pieces.length; i++) {
    const kind = pieces[i]?.kind;
    if (kind === 'open') depth++;
    else if (kind === 'or' && depth === 0) return false;
    else if (kind === 'close') {
      if (depth > 0) depth--;
      else if (pieces[i + 1]?.kind === 'quantifier') return false;
    }
  }
  return true;
}

/**
 * What an expression can begin with, from `pieces[from]` on: the bytes of ASCII; undefined where it may be any.
 *
 * @param asciiOf the bytes of ASCII that a class or an escape takes; undefined where it takes others, too
 */
export function firstBytes(pieces: readonly Piece[], from: number, asciiOf: (expression: string) => ReadonlySet<number> | undefined): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  const add = (more: ReadonlySet<number> | undefined): boolean => {
    if (more === undefined) return false;
    for (const c of more) found.add(c);
    return true;
  };
  for (let i = from; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece === undefined) break;
    const end = piece.kind === 'open' ? closeOf(pieces, i) : i;
    const quantifier = pieces[end + 1]?.kind === 'quantifier' ? (pieces[end + 1]?.text ?? '') : '';
    if (piece.kind === 'literal') found.add(piece.text.charCodeAt(0));
    else if ((piece.kind === 'class' || piece.kind === 'escape') && !add(asciiOf(piece.text))) return undefined;
    if (piece.kind === 'literal' && piece.text > '\x7f') return undefined;
    if (piece.kind === 'open') {
      if (!/^\((?:\?:|\?P?<\w+>)?$/.test(piece.text)) return undefined;
      for (const part of choices(pieces.slice(i + 1, end))) if (!add(firstBytes(part, 0, asciiOf))) return undefined;
    } else if (piece.kind !== 'literal' && piece.kind !== 'class' && piece.kind !== 'escape') return undefined;
    if (!/^(?:[?*]|\{0)/.test(quantifier)) return found;
    i = end + 1;
  }
  // All of it may be absent: then anything can follow.
  return undefined;
}

/** The parts of a choice; the expression itself where it is none. */
export function choices(pieces: readonly Piece[]): Piece[][] {
  const parts: Piece[][] = [[]];
  let depth = 0;
  for (const piece of pieces) {
    if (piece.kind === 'open') depth++;
    else if (piece.kind === 'close') depth--;
    if (piece.kind === 'or' && depth === 0) parts.push([]);
    else parts.at(-1)?.push(piece);
  }
  return parts;
}
