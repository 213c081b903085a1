import { addressFrom } from 'banban-shared';

/** The address that cuts others to their first `bits` bits: `ffff:ffff:ffff:ffff::` for 64. */
export const ipv6Mask = (bits: number): string =>
  addressFrom(Uint8Array.from({ length: 16 }, (_, i) => (0xff << (8 - Math.min(8, Math.max(0, bits - 8 * i)))) & 0xff));
