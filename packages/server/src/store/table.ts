/** What the parts of the store that have files of their own are made with. */
import type { Durability } from './store.ts';

/** What such a part needs of the store: its statements as they are now, its path, and its one way to write. */
export interface TableParts<Statements> {
  readonly path: string;
  statements(): Statements;
  write(durability: Durability, action: () => void): void;
}
