/**
 * Node 20 only: undici reads HTTP with WebAssembly, and V8 11 takes one answer for reason enough to optimise that
 * parser. It does so in the background, and the end of the process waits for it: 75 ms after the answer was printed.
 */
import { setFlagsFromString } from 'node:v8';

/** What later versions of V8 have for a default (V8 11: 1,800,000): an answer of many megabytes is still worth it. */
const TIERING_BUDGET = 13_000_000;

/**
 * Gives the parser the budget that later versions give it. To be called when everything is loaded and before the first
 * request: a changed flag makes V8 refuse the code that node has cached of its own modules.
 */
export function raiseTieringBudget(): void {
  // Later versions need it not, and one that had no such flag would complain on stderr.
  if (process.versions.node.startsWith('20.')) setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}
