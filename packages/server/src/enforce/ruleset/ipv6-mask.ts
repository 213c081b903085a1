/** Masks of IPv6: which bits of an address count. */
import { addressFrom } from 'banban-shared';

/** The first `bits` bits set, in 16 bytes. */
export const ipv6MaskBytes = (bits: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => (0xff << (8 - Math.min(8, Math.max(0, bits - 8 * i)))) & 0xff);

/** As above, as an address: `ffff:ffff:ffff:ffff::` for 64. */
export const ipv6Mask = (bits: number): string => addressFrom(ipv6MaskBytes(bits));
