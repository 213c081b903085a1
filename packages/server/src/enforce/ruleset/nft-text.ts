/**
 * What is wanted of nftables: one text for `nft -f -`, which takes it as a whole or not at all.
 *
 * It may be loaded over itself: sets that are there keep their elements, and the rules are written anew within the transaction. Written
 * with `add` and without `destroy`, for nft 0.9.5 (the first to count for each element) and later.
 *
 * - Not `ct original proto-dst { 25, 587 }`: nft 1.0.6 takes it and lists it as `0x19 [invalid type]`, so that a saved ruleset can't
 *   be loaded again; and not without one `meta l4proto` before it, which says what kind of port is meant. One rule for each, then.
 * - The look-up comes last, because it counts in the set's element.
 */
import { createHash } from 'node:crypto';
import type { Family } from 'banban-shared';
import type { PortRange, TargetConfig } from '../../config/config.ts';
import { NFT_CHAINS, NFT_PRIORITY, NFT_TABLE, nftSet, type SetKind } from '../names.ts';
import { ipv6Mask } from './ipv6-mask.ts';

/** A set that has to be there. */
export interface WantedSet {
  readonly name: string;
  readonly target: string;
  readonly family: Family;
  readonly kind: SetKind;
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  /** Sorted. */
  readonly flags: readonly string[];
}

/** A chain that has to be there. */
export interface WantedChain {
  readonly name: string;
  /** Where packets come in; undefined for a chain that is jumped to. */
  readonly hook: 'input' | 'forward' | undefined;
  readonly rules: readonly WantedRule[];
}

/** A rule, without its comment. */
export interface WantedRule {
  readonly text: string;
  /** Its comment: by this it is known again, however a version of nft may list the rule. */
  readonly mark: string;
}

const FAMILIES: readonly Family[] = [4, 6];
const KINDS: readonly SetKind[] = ['host', 'net'];

/** A chain of a target's own: what becomes of packets that its ports let in. Of a word alone nft might make a keyword. */
const TARGET_CHAIN = 'target_';

/** Whether a chain is one that banban makes for a target. */
export const isTargetChain = (name: string): boolean => name.startsWith(TARGET_CHAIN);

/** Whether a set is one that banban makes for a target. */
export const isTargetSet = (name: string): boolean => /_v[46](?:_net)?$/.test(name);

const usersOf = (targets: readonly TargetConfig[]): readonly TargetConfig[] => targets.filter(({ backends }) => backends.includes('nftables'));

/** The sets that the targets with nftables need. */
export function wantedSets(targets: readonly TargetConfig[]): readonly WantedSet[] {
  return usersOf(targets).flatMap(({ name: target }) =>
    FAMILIES.flatMap((family) =>
      KINDS.map((kind) => ({
        name: nftSet(target, family, kind),
        target,
        family,
        kind,
        type: family === 4 ? ('ipv4_addr' as const) : ('ipv6_addr' as const),
        flags: kind === 'net' ? ['interval', 'timeout'] : ['timeout'],
      })),
    ),
  );
}

const rangeText = ({ first, last }: PortRange): string => (first === last ? `${first}` : `${first}-${last}`);

/** Which packets a target is about, each as the beginning of a rule. */
function meant({ ports, protocols }: TargetConfig): readonly string[] {
  if (ports.length === 0) return [''];
  return protocols.flatMap((protocol) => [
    `${protocol} dport { ${ports.map(rangeText).join(', ')} } `,
    // The port as it is seen from outside, where it is published by Docker or turned to another by a NAT rule; answers have it, too.
    ...ports.map((range) => `meta l4proto ${protocol} ct direction original ct original proto-dst ${rangeText(range)} `),
  ]);
}

/** What becomes of the packets of a target's bans. */
function refusals({ name, action, ipv6Prefix }: TargetConfig): readonly string[] {
  const mask = ipv6Prefix === 128 ? '' : ` & ${ipv6Mask(ipv6Prefix)}`;
  const looks = FAMILIES.flatMap((family) =>
    KINDS.map((kind) => `${family === 4 ? 'ip saddr' : `ip6 saddr${kind === 'host' ? mask : ''}`} @${nftSet(name, family, kind)}`),
  );
  if (action === 'drop') return looks.map((look) => `${look} drop`);
  // `type` may be left out since nft 1.0, and before it may not.
  return looks.flatMap((look) => [`meta l4proto tcp ${look} reject with tcp reset`, `${look} reject with icmpx type admin-prohibited`]);
}

/** Whether a rule's comment is one of banban's. */
export const isMark = (comment: string | undefined): boolean => /^banban [0-9a-f]{8}$/.test(comment ?? '');

const marked = (text: string): WantedRule => ({ text, mark: `banban ${createHash('sha256').update(text).digest('hex').slice(0, 8)}` });

/** The chains with their rules, in the order in which they can be made. */
export function wantedChains(targets: readonly TargetConfig[]): readonly WantedChain[] {
  const users = usersOf(targets);
  const jumps = users.flatMap((target) => meant(target).map((packets) => `${packets}jump ${TARGET_CHAIN}${target.name}`));
  const before = {
    // Neighbours that can't find this machine would lose what is not banned, too. RFC 4861; it is never forwarded.
    input: ['iif "lo" accept', 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept'],
    forward: [],
  };
  return [
    ...users.map((target) => ({ name: `${TARGET_CHAIN}${target.name}`, hook: undefined, rules: refusals(target).map(marked) })),
    ...NFT_CHAINS.map((hook) => ({ name: hook, hook, rules: [...before[hook], ...jumps].map(marked) })),
  ];
}

/** What of an older configuration is in the table and has to go. */
export interface Stale {
  readonly sets: readonly string[];
  readonly chains: readonly string[];
  /** Chains that are there and wanted, to be made anew because one of them has another hook; each before those that it jumps to. */
  readonly misplaced: readonly string[];
}

/** The whole text; of the pure wanted state when nothing is stale. */
export function nftText(targets: readonly TargetConfig[], stale: Stale = { sets: [], chains: [], misplaced: [] }): string {
  const chains = wantedChains(targets);
  const lines = [
    `add table inet ${NFT_TABLE}`,
    ...wantedSets(targets).map(({ name, type, flags }) => `add set inet ${NFT_TABLE} ${name} { type ${type}; flags ${flags.join(', ')}; counter; }`),
    ...stale.misplaced.map((name) => `flush chain inet ${NFT_TABLE} ${name}`),
    ...stale.misplaced.map((name) => `delete chain inet ${NFT_TABLE} ${name}`),
    ...chains.map(
      ({ name, hook }) => `add chain inet ${NFT_TABLE} ${name}${hook === undefined ? '' : ` { type filter hook ${hook} priority ${NFT_PRIORITY}; policy accept; }`}`,
    ),
    // Those that jump before those that are jumped to.
    ...[...chains.map(({ name }) => name).reverse(), ...stale.chains].map((name) => `flush chain inet ${NFT_TABLE} ${name}`),
    ...stale.chains.map((name) => `delete chain inet ${NFT_TABLE} ${name}`),
    ...stale.sets.map((name) => `delete set inet ${NFT_TABLE} ${name}`),
    ...chains.flatMap(({ name, rules }) => rules.map(({ text, mark }) => `add rule inet ${NFT_TABLE} ${name} ${text} comment "${mark}"`)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Takes the table away, whether it is there or not. */
export const NFT_REMOVAL = `add table inet ${NFT_TABLE}\ndelete table inet ${NFT_TABLE}\n`;
