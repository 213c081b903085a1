/** How property tests search: with a seed of their own, so that they find today what they found yesterday; and further when asked to. */
import { randomInt } from 'node:crypto';

function number(name: string, text: string, isRight: (value: number) => boolean, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !isRight(value)) throw new Error(`${name}=${text}: it has to be ${what}`);
  return value;
}

const { BANBAN_SEED: asked = '1', BANBAN_RUNS: wanted = '1' } = process.env;

/** `BANBAN_SEED`: a whole number, or `random`; fast-check names it with what it finds. */
export const seed = asked === 'random' ? randomInt(2 ** 31) : number('BANBAN_SEED', asked, Number.isInteger, 'a whole number or “random”');

/** `BANBAN_RUNS`: how many times as much is tried as usual. Less would leave the tests without what they count. */
const factor = number('BANBAN_RUNS', wanted, (n) => n >= 1 && Number.isInteger(n), 'a whole number from 1');

/** A number of runs, or the milliseconds that they may take, as many times as large as `BANBAN_RUNS` says. */
export const scaled = (usual: number): number => usual * factor;
