/**
 * What is wanted of iptables and ip6tables: the rules of banban's own chain in the filter table, in the form in which iptables-save
 * prints them, and what iptables-restore takes as one change.
 *
 * `--update` without `--seconds` holds as long as the row is there, and stamps it: by its stamps the kernel tells when the last packet of a banned
 * address came, and when a list is full those who have been quiet for longest make room. A target with `seconds` has `--rcheck`:
 * rows are to stop matching when banband is no longer there to renew them, and with `--update` the attacker's own packets would
 * renew them for ever.
 *
 * The rule for IPv4 has no `--mask`: with one, and being the first to name the list, it would take away all but 32 bits of IPv6 addresses
 * (recent-lists.ts).
 */
import type { Family } from 'banban-shared';
import type { PortRange, TargetConfig } from '../../config/config.ts';
import { IPTABLES_CHAIN, ipsetName } from '../names.ts';
import { ipv6Mask } from './ipv6-mask.ts';

/** The chains of the kernel that jump to banban's own before they do anything else. */
export const JUMPING_CHAINS = ['INPUT', 'FORWARD'] as const;

/** Whether rules of iptables read a target's list. */
export const needsIptables = ({ backends }: TargetConfig): boolean => backends.includes('xt_recent') || backends.includes('ipset');

const rangeText = ({ first, last }: PortRange): string => (first === last ? `${first}` : `${first}:${last}`);

/** Which packets a target is about, each as the beginning of a rule; and whether these are of TCP, undefined for any. */
function meant({ ports, protocols }: TargetConfig): readonly { readonly match: string; readonly isTcp: boolean | undefined }[] {
  if (ports.length === 0) return [{ match: '', isTcp: undefined }];
  return protocols.flatMap((protocol) =>
    [
      `-m multiport --dports ${ports.map(rangeText).join(',')}`,
      // The port as it is seen from outside, where it is published by Docker or turned to another by a NAT rule; answers have it, too.
      ...ports.map((range) => `-m conntrack --ctorigdstport ${rangeText(range)} --ctdir ORIGINAL`),
    ].map((match) => ({ match: `-p ${protocol} ${match} `, isTcp: protocol === 'tcp' })),
  );
}

/** Looks for the packet's source in the lists of a target, the last thing that a rule does: it may leave a trace. */
function looks({ name, backends, ipv6Prefix, seconds }: TargetConfig, family: Family): readonly string[] {
  const mask = family === 4 ? '' : `--mask ${ipv6Mask(ipv6Prefix)} `;
  const recent = seconds === undefined ? '--update' : `--rcheck --seconds ${Math.floor(seconds / 1000)}`;
  return [
    ...(backends.includes('xt_recent') ? [`-m recent ${recent} --name ${name} ${mask}--rsource`] : []),
    ...(backends.includes('ipset') ? (['host', 'net'] as const).map((kind) => `-m set --match-set ${ipsetName(name, family, kind)} src`) : []),
  ];
}

function refusals(target: TargetConfig, family: Family): readonly string[] {
  const otherwise = `-j REJECT --reject-with ${family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`;
  return meant(target).flatMap(({ match, isTcp }) =>
    looks(target, family).flatMap((look) => {
      if (target.action === 'drop') return [`${match}${look} -j DROP`];
      const reset = `${look} -j REJECT --reject-with tcp-reset`;
      if (isTcp !== undefined) return [isTcp ? `${match}${reset}` : `${match}${look} ${otherwise}`];
      return [`-p tcp ${reset}`, `${look} ${otherwise}`];
    }),
  );
}

/** The rules of banban's chain, each as `-A banban …`. */
export function chainRules(targets: readonly TargetConfig[], family: Family): readonly string[] {
  // Neighbours that can't find this machine would lose what is not banned, too: router advertisement, neighbour solicitation and
  // advertisement of RFC 4861.
  const neighbours = family === 4 ? [] : [134, 135, 136].map((type) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j RETURN`);
  const rules = ['-i lo -j RETURN', ...neighbours, ...targets.filter(needsIptables).flatMap((target) => refusals(target, family))];
  return rules.map((rule) => `-A ${IPTABLES_CHAIN} ${rule}`);
}

/** What stands in a chain that jumps, as iptables-save prints it. */
export const jumpRule = (chain: string): string => `-A ${chain} -j ${IPTABLES_CHAIN}`;

const inTable = (lines: readonly string[]): string => `${['*filter', ...lines, 'COMMIT'].join('\n')}\n`;

/**
 * For `iptables-restore --noflush`: the chain with these rules and no other, and a jump on top of each chain in `jumps`, from which
 * so many older jumps are taken out. Lists of xt_recent that old and new rules name keep their rows.
 */
export const installText = (targets: readonly TargetConfig[], family: Family, jumps: ReadonlyMap<string, number>): string =>
  inTable([
    `:${IPTABLES_CHAIN} - [0:0]`,
    ...chainRules(targets, family),
    ...[...jumps].flatMap(([chain, old]) => [...Array.from({ length: old }, () => `-D ${chain} -j ${IPTABLES_CHAIN}`), `-I ${chain} 1 -j ${IPTABLES_CHAIN}`]),
  ]);

/** For `iptables-restore --noflush`: takes out so many jumps of each chain, and then the chain itself, which may stay empty where others jump to it. */
export const removalText = (jumps: ReadonlyMap<string, number>, isChainKept: boolean): string =>
  inTable([
    ...[...jumps].flatMap(([chain, count]) => Array.from({ length: count }, () => `-D ${chain} -j ${IPTABLES_CHAIN}`)),
    `-F ${IPTABLES_CHAIN}`,
    ...(isChainKept ? [] : [`-X ${IPTABLES_CHAIN}`]),
  ]);
