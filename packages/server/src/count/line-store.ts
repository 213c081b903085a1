/** Lines kept as evidence, in pieces of one size: no room is lost between them however they come and go, and none ever has to be moved. */
import { NONE, Records } from './records.ts';

/** Bytes of a piece, as many as a processor fetches at once; most lines take two. */
export const PIECE = 64;

/** The first word of a piece is the next piece; the second of a line's first one is its length and whether it has wide characters. */
const NEXT = 0;
const SHAPE = 1;
const HEAD = 8;
const LINK = 4;

/** Pieces of so many bytes of text. */
const piecesOf = (bytes: number): number => (bytes <= PIECE - HEAD ? 1 : 1 + Math.ceil((bytes - (PIECE - HEAD)) / (PIECE - LINK)));

/** The store. Any string comes out as it went in; one with characters beyond U+00FF takes two bytes for each. */
export class LineStore {
  private readonly pieces = new Records(PIECE / 4);
  private readonly most: number;

  /** `room` is how many bytes of pieces there may be. */
  constructor(room: number) {
    this.most = Math.floor(room / PIECE);
  }

  /** Bytes that are taken. */
  get held(): number {
    return this.pieces.inUse * PIECE;
  }

  /** Keeps a line; its number, or NONE where there is no room for it. */
  keep(line: string): number {
    const narrow = this.write(line, false);
    if (narrow !== undefined) return narrow;
    return this.write(line, true) ?? NONE;
  }

  read(first: number): string {
    const shape = this.pieces.get(first, SHAPE);
    let left = (shape >>> 1) << (shape & 1);
    let text = '';
    for (let piece = first, from = HEAD; left > 0; piece = this.pieces.get(piece, NEXT), from = LINK) {
      const offset = this.pieces.offsetOf(piece);
      const bytes = Math.min(left, PIECE - from);
      text += this.pieces.bytesOf(piece)?.toString((shape & 1) === 1 ? 'utf16le' : 'latin1', offset + from, offset + from + bytes) ?? '';
      left -= bytes;
    }
    return text;
  }

  drop(first: number): void {
    for (let piece = first; piece !== NONE; ) {
      const next = this.pieces.get(piece, NEXT);
      this.pieces.give(piece);
      piece = next;
    }
  }

  /** Gives up some memory that is not in use. */
  trim(): void {
    this.pieces.trim();
  }

  /** The number of the line, NONE where there is no room; undefined where it has characters that want to be written wide. */
  private write(line: string, wide: boolean): number | undefined {
    const { length } = line;
    const { pieces } = this;
    if (pieces.inUse + piecesOf(wide ? 2 * length : length) > this.most) return NONE;
    const first = pieces.take();
    pieces.set(first, SHAPE, (length << 1) | (wide ? 1 : 0));
    let codes = 0;
    for (let piece = first, from = HEAD, i = 0; ; from = LINK) {
      const bytes = pieces.bytesOf(piece);
      if (bytes === undefined) break;
      const end = Math.min(length, i + (wide ? (PIECE - from) >>> 1 : PIECE - from));
      for (let to = pieces.offsetOf(piece) + from; i < end; i++) {
        const code = line.charCodeAt(i);
        codes |= code;
        bytes[to++] = code;
        if (wide) bytes[to++] = code >>> 8;
      }
      if (i === length) {
        pieces.set(piece, NEXT, NONE);
        break;
      }
      const next = pieces.take();
      pieces.set(piece, NEXT, next);
      piece = next;
    }
    if (wide || codes <= 0xff) return first;
    this.drop(first);
    return undefined;
  }
}
