/** How the kernel's things are called that belong to a target: one place, because lists and rules have to agree on them. */
import type { Family } from 'banban-shared';

/** banban's own table of nftables, of the family `inet`. */
export const NFT_TABLE = 'banban';
/** Its chains, one for each hook. */
export const NFT_CHAINS = ['input', 'forward'] as const;
/**
 * Before filter (0), where the admin's rules and Docker's stand, and after the address translation of what comes in (-100), so that a
 * packet that is dropped here is judged by nobody else. nf_ip_hook_priorities in linux/netfilter_ipv4.h.
 */
export const NFT_PRIORITY = -10;

/** Single addresses (or IPv6 networks of the target's prefix) are in a hash, networks in a tree (see docs/adr/0014). */
export type SetKind = 'host' | 'net';

/** A set of nftables: `BLOCKER_v4`, `BLOCKER_v6_net`. */
export const nftSet = (target: string, family: Family, kind: SetKind): string => `${target}_v${family}${kind === 'net' ? '_net' : ''}`;

/** A set of ipset: `banban-BLOCKER-4`, `banban-BLOCKER-6n`; IPSET_MAXNAMELEN leaves 31 characters. */
export const ipsetName = (target: string, family: Family, kind: SetKind): string => `banban-${target}-${family}${kind === 'net' ? 'n' : ''}`;

/** The chain of banban's own in the filter table of iptables and ip6tables; INPUT and FORWARD jump to it first. */
export const IPTABLES_CHAIN = 'banban';
