/** Addresses as numbers, for what goes from one to another: ranges, and networks that belong together. */
import { addressBytes, addressFrom, type Address, type Family } from '../address.ts';

/** The bits of an address: 32 of them, or 128. */
export const widthOf = (family: Family): number => (family === 4 ? 32 : 128);

/** The bytes of an address as one number. */
export const numberOf = (address: Address): bigint => addressBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** The address of a number that `numberOf` has given, or of one between two of them. */
export function addressOf(value: bigint, family: Family): Address {
  const bytes = new Uint8Array(widthOf(family) / 8);
  for (let i = bytes.length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return addressFrom(bytes);
}
