/** What a client wrote, read strictly: each failure is an `ApiError` with the sentence that the client shows. */
import { ApiError, parseAddress, type Address } from 'banban-shared';
import type { DaemonView } from './daemon-view.ts';

/** At most this many bad addresses are named; the rest is counted. */
const MOST_NAMED = 20;

/** @throws ApiError `bad_address`, naming every one that could not be read: then nothing has been done */
export function readAddresses(texts: readonly string[]): Address[] {
  const addresses: Address[] = [];
  const bad: string[] = [];
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === undefined) bad.push(text);
    else addresses.push(address);
  }
  if (bad.length === 0) return addresses;
  const shown = bad.slice(0, MOST_NAMED).map((text) => JSON.stringify(text));
  const more = bad.length > MOST_NAMED ? ` and ${bad.length - MOST_NAMED} more` : '';
  const plural = bad.length === 1 ? 'is not an address' : 'are not addresses';
  throw new ApiError('bad_address', `${shown.join(', ')}${more} ${plural}; write IPv4 as 203.0.113.7 and IPv6 as 2001:db8::7, one address each; nothing was done`, bad.slice(0, MOST_NAMED));
}

/** @throws ApiError `unknown_target` */
export function readTarget(daemon: DaemonView, name: string): string {
  const { targets } = daemon.engine.policy;
  if (targets.has(name)) return name;
  throw new ApiError('unknown_target', `there is no target ${JSON.stringify(name)}; configured are ${[...targets.keys()].join(', ')}`);
}
