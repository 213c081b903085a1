/** Names with `*`, `?` and `[..]`, as a shell takes them, in one part of a path. Linear in time whatever the pattern is. */

/** What one place of a pattern takes: any run of characters, any one, one of some, or itself. */
type Piece = '*' | '?' | { readonly of: string; readonly not: boolean } | { readonly char: string };

/** Whether a part of a path stands for names, and is not one itself. */
export const isGlob = (part: string): boolean => /[*?]|\[[^\]]+\]/.test(part);

/** A bracket that is not closed stands for itself, as in a shell. */
function piecesOf(part: string): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < part.length; i++) {
    const char = part[i] ?? '';
    const [whole, bang, inner] = char === '[' ? (/^\[([!^]?)(\]?[^\]]*)\]/.exec(part.slice(i)) ?? []) : [];
    if (whole !== undefined && inner !== undefined && inner !== '') {
      pieces.push({ of: inner, not: bang !== '' });
      i += whole.length - 1;
    } else if (char === '*') {
      if (pieces.at(-1) !== '*') pieces.push('*');
    } else pieces.push(char === '?' ? '?' : { char });
  }
  return pieces;
}

function isOneOf(set: string, char: string): boolean {
  for (let i = 0; i < set.length; i++) {
    if (set[i + 1] === '-' && i + 2 < set.length) {
      if (char >= (set[i] ?? '') && char <= (set[i + 2] ?? '')) return true;
      i += 2;
    } else if (set[i] === char) return true;
  }
  return false;
}

function takes(piece: Piece | undefined, char: string): boolean {
  if (piece === undefined || piece === '*') return false;
  if (piece === '?') return true;
  return 'char' in piece ? piece.char === char : isOneOf(piece.of, char) !== piece.not;
}

/** What tells whether a name is meant by `part`. A name that begins with a dot is meant only where the part begins with one. */
export function globMatcher(part: string): (name: string) => boolean {
  const pieces = piecesOf(part);
  return (name) => {
    if (name.startsWith('.') && !part.startsWith('.')) return false;
    let at = 0;
    let piece = 0;
    // Where the last star stood, and how far the name was when it was met: the only place to go back to.
    let star = -1;
    let from = 0;
    while (at < name.length) {
      if (takes(pieces[piece], name[at] ?? '')) {
        at++;
        piece++;
      } else if (pieces[piece] === '*') {
        star = piece++;
        from = at;
      } else if (star >= 0) {
        piece = star + 1;
        at = ++from;
      } else return false;
    }
    while (pieces[piece] === '*') piece++;
    return piece === pieces.length;
  };
}
