/** The addresses of a command line, and those that `-` reads from standard input. */
import type { Readable } from 'node:stream';
import { printable } from './view/printable.ts';

/** What one request may carry (the API's own bound). */
const ADDRESSES_PER_REQUEST = 10_000;
/** Over a million addresses: more than a kernel list takes, and enough to notice that the wrong file was given. */
const LARGEST_INPUT = 32 * 1024 * 1024;
/** The API's bound for one address. */
const LONGEST_ADDRESS = 64;

/** The addresses, or a sentence that says why there are none to be had. */
export type Addresses = { readonly kind: 'read'; readonly addresses: readonly string[] } | { readonly kind: 'unusable'; readonly problem: string };

/**
 * Puts what standard input holds in the place of each `-`. One address a line; `#` begins a comment; blanks are ignored.
 * Whether it is an address is for the daemon to say; only what can't be one by its length is refused here, with its line.
 */
export async function readAddresses(given: readonly string[], stdin: Readable): Promise<Addresses> {
  const long = given.find((address) => address.length > LONGEST_ADDRESS);
  if (long !== undefined) return unusable(`"${printable(long, 80)}" is not an address.`);
  const at = given.indexOf('-');
  if (at < 0) return { kind: 'read', addresses: given };

  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stdin) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > LARGEST_INPUT) return unusable('standard input holds more than 32 MiB; a list of addresses is one address a line.');
      chunks.push(bytes);
    }
  } catch (error) {
    return unusable(`standard input could not be read: ${printable(error instanceof Error ? error.message : String(error), 200)}.`);
  }
  const read: string[] = [];
  for (const [i, line] of Buffer.concat(chunks).toString('utf8').split('\n').entries()) {
    const address = line.replace(/#.*$/s, '').trim();
    if (address === '') continue;
    if (address.length > LONGEST_ADDRESS || /\s/.test(address)) return unusable(`line ${i + 1} of standard input, "${printable(address, 80)}", is not one address; write one a line.`);
    read.push(address);
  }
  const others = given.filter((address) => address !== '-');
  return { kind: 'read', addresses: [...others.slice(0, at), ...read, ...others.slice(at)] };
}

const unusable = (problem: string): Addresses => ({ kind: 'unusable', problem });

/** Cuts a list into requests of at most 10,000. */
export function inRequests(addresses: readonly string[]): string[][] {
  const requests: string[][] = [];
  for (let i = 0; i < addresses.length; i += ADDRESSES_PER_REQUEST) requests.push(addresses.slice(i, i + ADDRESSES_PER_REQUEST));
  return requests;
}
