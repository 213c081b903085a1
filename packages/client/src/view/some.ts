import { printable } from './printable.ts';
import { count } from './size.ts';

/** So many are named. */
const MOST = 5;

/** `a, b, c, d, e and 95 more`, where `total` is how many there are and `addresses` are those that are known by name. */
export function some(addresses: readonly string[], total: number): string {
  const shown = addresses.slice(0, MOST).map((address) => printable(address, 80)).join(', ');
  const rest = total - Math.min(MOST, addresses.length);
  return rest > 0 ? `${shown}${shown === '' ? '' : ' and '}${count(rest)} more` : shown;
}
