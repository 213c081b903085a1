/** Columns that line up. Every cell goes through `printable`, so no view can forget it. */
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

export type Cell = string | { readonly text: string; readonly brush: (text: string) => string };

export interface Column {
  readonly title: string;
  /** Numbers stand right; default left. */
  readonly right?: boolean;
}

/** Longer cells are cut, with the count of what is missing. */
const LONGEST_CELL = 200;

/** The rows under a dim line of titles, without a newline at the end. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Paint, indent = ''): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: printable(cell, LONGEST_CELL), brush: undefined } : { text: printable(cell.text, LONGEST_CELL), brush: cell.brush })));
  const widths = columns.map((column, i) => cells.reduce((most, row) => Math.max(most, width(row[i]?.text ?? '')), width(column.title)));
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

const width = (text: string): number => [...text].length;
