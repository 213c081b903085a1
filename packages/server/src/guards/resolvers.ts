/** The name servers of a resolv.conf(5). */
import { parseAddress, type Address } from 'banban-shared';

/** The C library asks the first three; systemd-resolved may have some of each interface. */
const MOST = 32;

/** In the order of the file, without the interface of a link-local one. */
export function resolversIn(text: string): Address[] {
  const found: Address[] = [];
  for (const [, word = ''] of text.matchAll(/^nameserver[ \t]+([0-9A-Fa-f:.]{2,45})(?:%\S*)?[ \t]*\r?$/gm)) {
    const address = parseAddress(word);
    if (address !== undefined && !found.includes(address) && found.push(address) === MOST) break;
  }
  return found;
}

/** Where systemd-resolved listens on this machine, and where it puts the servers that it asks itself. */
export const STUBS: readonly string[] = ['127.0.0.53', '127.0.0.54'];
