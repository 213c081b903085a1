/** The four sets of a target, and which of them a row belongs to (docs/adr/0014). */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import { nftSet, type SetKind } from '../names.ts';

/** One of the four; its number is its place in what `setsOf` gives. */
export interface ElementSet {
  readonly name: string;
  readonly family: Family;
  readonly kind: SetKind;
  /** The bytes of an address in it. */
  readonly width: 4 | 16;
}

/** The sets by their numbers: single addresses of IPv4 and of IPv6, networks of IPv4 and of IPv6. */
export const setsOf = ({ name }: Pick<TargetConfig, 'name'>): readonly ElementSet[] =>
  (['host', 'net'] as const).flatMap((kind) => ([4, 6] as const).map((family) => ({ name: nftSet(name, family, kind), family, kind, width: family === 4 ? 4 : 16 }) as const));

/**
 * The number of the set for a row of `bits` bits. What the target bans as one in IPv6 is in the hash, because the rule cuts
 * a packet's source to that length before it looks.
 */
export function setNumber(family: Family, bits: number, ipv6Prefix: number): number {
  if (family === 4) return bits === 32 ? 0 : 2;
  return bits === ipv6Prefix ? 1 : 3;
}

/** Whether the set of this number has networks. */
export const isOfNetworks = (set: number): boolean => set >= 2;
