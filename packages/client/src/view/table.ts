/** Columns that line up. Every cell goes through `printable`, so no view can forget it. */
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { fit, width } from './width.ts';

/** A text, or a text with the brush that paints it once it is cut and aligned. */
export type Cell = string | { readonly text: string; readonly brush: (text: string) => string };

/** A column's title and how its cells stand. What is cut or left out on a narrow terminal can be read in full elsewhere. */
export interface Column {
  readonly title: string;
  /** Numbers stand right; default left. */
  readonly right?: boolean;
  /** Cut to no fewer columns than this where the terminal is too narrow for the row, the last of them first. Default: the row is wider. */
  readonly least?: number;
  /** Left out where cutting is not enough, the lowest number first. Default: never. */
  readonly spare?: number;
}

/** Longer cells are cut, with the count of what is missing. */
const LONGEST_CELL = 200;
/** For `Column.least`, where the beginning of a text tells something: less tells nothing. */
export const LEAST_TEXT = 12;
/** Between two columns. */
const GAP = 2;

/** Where the table stands, both in columns of the terminal. */
export interface Room {
  readonly indent?: string;
  /** Of the terminal; undefined (no terminal): cut nothing. */
  readonly columns?: number | undefined;
}

interface Shown {
  readonly text: string;
  readonly brush: ((text: string) => string) | undefined;
}

/** The places of the columns that fit when all are cut that may be. */
function fitting(columns: readonly Column[], widths: readonly number[], room: number): number[] {
  const least = (i: number): number => Math.min(columns[i]?.least ?? Infinity, widths[i] ?? 0);
  const kept = columns.map((_, i) => i);
  const isOver = (): boolean => kept.reduce((sum, i) => sum + least(i), GAP * (kept.length - 1)) > room;
  const spare = kept.filter((i) => columns[i]?.spare !== undefined).sort((a, b) => (columns[a]?.spare ?? 0) - (columns[b]?.spare ?? 0));
  for (const i of spare) if (isOver()) kept.splice(kept.indexOf(i), 1);
  return kept;
}

/** The rows under a dim line of titles, without a newline at the end. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Paint, room: Room = {}): string {
  const indent = room.indent ?? '';
  const cells = rows.map((row) => row.map((cell): Shown => (typeof cell === 'string' ? { text: printable(cell, LONGEST_CELL), brush: undefined } : { text: printable(cell.text, LONGEST_CELL), brush: cell.brush })));
  const widths = columns.map((column, i) => cells.reduce((most, row) => Math.max(most, width(row[i]?.text ?? '')), width(column.title)));
  const space = room.columns === undefined ? Infinity : room.columns - indent.length;
  const kept = fitting(columns, widths, space);
  let over = kept.reduce((sum, i) => sum + (widths[i] ?? 0), GAP * (kept.length - 1)) - space;
  for (const i of kept.toReversed()) {
    const least = columns[i]?.least;
    if (least === undefined || over <= 0) continue;
    const wanted = widths[i] ?? 0;
    const given = Math.min(wanted, Math.max(least, wanted - over));
    over -= wanted - given;
    widths[i] = given;
  }
  const line = (row: readonly Shown[]): string => {
    const parts = kept.map((i) => {
      const most = widths[i] ?? 0;
      const { text, brush } = row[i] ?? { text: '', brush: undefined };
      const cut = columns[i]?.least === undefined ? text : fit(text, most);
      const gap = ' '.repeat(Math.max(0, most - width(cut)));
      const shown = brush === undefined ? cut : brush(cut);
      return columns[i]?.right ? gap + shown : shown + gap;
    });
    return (indent + parts.join(' '.repeat(GAP))).trimEnd();
  };
  return [line(columns.map((column) => ({ text: column.title, brush: paint.dim }))), ...cells.map(line)].join('\n');
}
