/** Colours, or none. */

type Brush = (text: string) => string;

/** A brush for each thing that a colour says; each takes a text and gives it painted. */
export interface Paint {
  readonly bold: Brush;
  readonly dim: Brush;
  readonly good: Brush;
  readonly warn: Brush;
  readonly bad: Brush;
}

const plainBrush: Brush = (text) => text;
const sgr =
  (on: number, off: number): Brush =>
  (text) =>
    `\x1b[${on}m${text}\x1b[${off}m`;

/** Leaves every text as it is. */
export const plain: Paint = { bold: plainBrush, dim: plainBrush, good: plainBrush, warn: plainBrush, bad: plainBrush };
/** Paints with the SGR sequences of ECMA-48, each of which ends itself. */
export const coloured: Paint = { bold: sgr(1, 22), dim: sgr(2, 22), good: sgr(32, 39), warn: sgr(33, 39), bad: sgr(31, 39) };

/** Colour only where a person looks and did not say no: no-color.org, `TERM=dumb`, --no-color. */
export function paintFor(options: { readonly terminal: boolean; readonly noColor: boolean; readonly env: NodeJS.ProcessEnv }): Paint {
  const { terminal, noColor, env } = options;
  return terminal && !noColor && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? coloured : plain;
}
