/** Columns that line up. Every cell goes through `printable`, so no view can forget it. */
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { fit, width } from './width.ts';

/** A text, or a text with the brush that paints it once it is cut and aligned. */
export type Cell = string | { readonly text: string; readonly brush: (text: string) => string };

/** A column's title and how its cells stand. */
export interface Column {
  readonly title: string;
  /** Numbers stand right; default left. */
  readonly right?: boolean;
  /** Cut where the terminal is too narrow for the row; for what can be read in full elsewhere. Default: the row is wider. */
  readonly yields?: boolean;
}

/** Longer cells are cut, with the count of what is missing. */
const LONGEST_CELL = 200;
/** A column that yields keeps so much: less tells nothing. */
const LEAST_COLUMNS = 12;

/** Where the table stands, both in columns of the terminal. */
export interface Room {
  readonly indent?: string;
  /** Of the terminal; undefined (no terminal): cut nothing. */
  readonly columns?: number | undefined;
}

/** The rows under a dim line of titles, without a newline at the end. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Paint, room: Room = {}): string {
  const indent = room.indent ?? '';
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: printable(cell, LONGEST_CELL), brush: undefined } : { text: printable(cell.text, LONGEST_CELL), brush: cell.brush })));
  const widths = columns.map((column, i) => cells.reduce((most, row) => Math.max(most, width(row[i]?.text ?? '')), width(column.title)));
  let over = room.columns === undefined ? 0 : indent.length + widths.reduce((sum, one) => sum + one, 2 * (columns.length - 1)) - room.columns;
  columns.forEach((column, i) => {
    if (!column.yields || over <= 0) return;
    const wanted = widths[i] ?? 0;
    const kept = Math.min(wanted, Math.max(LEAST_COLUMNS, wanted - over));
    over -= wanted - kept;
    widths[i] = kept;
    for (const row of cells) {
      const cell = row[i];
      if (cell !== undefined) cell.text = fit(cell.text, kept);
    }
  });
  const line = (parts: readonly { text: string; brush: ((text: string) => string) | undefined }[]): string => {
    let out = indent;
    parts.forEach((part, i) => {
      const gap = ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(part.text)));
      const shown = part.brush === undefined ? part.text : part.brush(part.text);
      const last = i === parts.length - 1;
      out += columns[i]?.right ? gap + shown : shown + (last ? '' : gap);
      if (!last) out += '  ';
    });
    return out.trimEnd();
  };
  return [line(columns.map((column) => ({ text: column.title, brush: paint.dim }))), ...cells.map(line)].join('\n');
}
