/** The default gateways, as the kernel writes its tables of routes (/proc/net/route, /proc/net/ipv6_route). */
import { endianness } from 'node:os';
import { addressFrom, type Address } from 'banban-shared';

/** RTF_UP and RTF_GATEWAY, linux/route.h. */
const USED = 0x3;

/** The bytes of a number that the kernel prints as `%08X`, in the machine's order. */
export function wordBytes(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  return endianness() === 'LE' ? bytes.swap32() : bytes;
}

/** From /proc/net/route: interface, destination, gateway, flags, three counters, mask. The default comes first there, however long it is. */
export function ipv4Gateways(text: string): Address[] {
  const gateways: Address[] = [];
  for (const [, gateway = '', flags = ''] of text.matchAll(/^\S+\t00000000\t([0-9A-F]{8})\t([0-9A-F]{4})\t\S+\t\S+\t\S+\t00000000\t/gm)) {
    if ((parseInt(flags, 16) & USED) === USED && gateway !== '00000000') gateways.push(addressFrom(wordBytes(gateway)));
  }
  return [...new Set(gateways)];
}

/** From /proc/net/ipv6_route: destination, its bits, source, its bits, next hop, metric, two counters, flags, interface. */
export function ipv6Gateways(text: string): Address[] {
  const gateways: Address[] = [];
  for (const [, hop = '', flags = ''] of text.matchAll(/^0{32} 00 [0-9a-f]{32} [0-9a-f]{2} ([0-9a-f]{32}) [0-9a-f]{8} [0-9a-f]{8} [0-9a-f]{8} ([0-9a-f]{8}) /gm)) {
    if ((parseInt(flags, 16) & USED) === USED && !/^0+$/.test(hop)) gateways.push(addressFrom(Buffer.from(hop, 'hex')));
  }
  return [...new Set(gateways)];
}
