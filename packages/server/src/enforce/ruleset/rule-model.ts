/**
 * Rules of a firewall as far as a doctor needs to understand them, whether iptables or nftables wrote them. Whatever is not
 * understood is a condition like any other: it may or may not hold, and nothing is concluded from it.
 */
import type { PortRange } from '../../config/config.ts';

/** A look at a kernel list. */
export interface ListCondition {
  readonly kind: 'list';
  readonly store: 'xt_recent' | 'ipset' | 'nftables';
  readonly list: string;
  /** It holds for those who are not in the list. */
  readonly isNegated: boolean;
  /** Which address of the packet is looked up. */
  readonly side: 'source' | 'destination';
  /** What the address is cut by before that, as an address; undefined for nothing. */
  readonly mask: string | undefined;
  /** xt_recent's `--seconds` and `--hitcount`. */
  readonly seconds: number | undefined;
  readonly hitCount: number | undefined;
}

/** What has to hold for a rule to be meant. What always holds is left out. */
export type Condition =
  | ListCondition
  /** In the names of iptables: tcp, udp, icmp, ipv6-icmp … */
  | { readonly kind: 'protocol'; readonly names: readonly string[] }
  /** The port where the packet goes to. */
  | { readonly kind: 'ports'; readonly ranges: readonly PortRange[] }
  /** The packet belongs to a connection that is open already. */
  | { readonly kind: 'established' }
  | { readonly kind: 'other' };

/** What becomes of a packet. `drop` is any refusal; `continue` is whatever lets it go on to the next rule. */
export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** One rule. */
export interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: Verdict;
  /** As the admin would write it. */
  readonly text: string;
}

/** The chains of one table, by name. */
export type Chains = ReadonlyMap<string, readonly Rule[]>;

/** Where packets enter: a chain, and the chains that it may jump to. */
export interface Entrance {
  /** `filter INPUT`, for messages. */
  readonly name: string;
  readonly chain: string;
  readonly chains: Chains;
}

/** What packets from outside meet on their way to a program of this machine, in order. */
export interface View {
  /** Who wrote the rules: `iptables`, `ip6tables-legacy`, `nftables`. */
  readonly program: string;
  readonly entrances: readonly Entrance[];
}
