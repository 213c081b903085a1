/** The rules as an admin would load them by hand: one text of which each part says which program takes it. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import { IPTABLES_CHAIN } from '../names.ts';
import { enumerate } from './enumerate.ts';
import { wantedIpsets } from './ipset-sets.ts';
import { installText, JUMPING_CHAINS, needsIptables } from './iptables-text.ts';
import { needsNft } from './nft-ruleset.ts';
import { nftText } from './nft-text.ts';

const comment = (...lines: readonly string[]): string => lines.map((line) => (line === '' ? '#\n' : `# ${line}\n`)).join('');
const namesOf = (targets: readonly TargetConfig[]): string => enumerate(targets.map(({ name }) => name));

function nftPart(targets: readonly TargetConfig[]): string {
  return (
    comment(
      `nftables, for ${namesOf(targets)}: save this as banban.nft, load it with "nft -f banban.nft", and`,
      'include it in /etc/nftables.conf after its "flush ruleset". Loaded again, it keeps the bans that are in its sets.',
    ) + nftText(targets)
  );
}

function ipsetPart(targets: readonly TargetConfig[]): string {
  const sets = wantedIpsets(targets);
  if (sets.length === 0) return '';
  const lines = sets.map(({ line }) => `${line}\n`).join('');
  return `${comment('The sets of ipset, which have to be there before the rules: save this as banban.ipset, load it with', '"ipset restore -exist -file banban.ipset".')}${lines}\n`;
}

function iptablesPart(targets: readonly TargetConfig[], family: Family): string {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  const jumps = JUMPING_CHAINS.map((chain) => `  ${program} -C ${chain} -j ${IPTABLES_CHAIN} || ${program} -I ${chain} 1 -j ${IPTABLES_CHAIN}`);
  return (
    comment(
      `${program}, IPv${family}, for ${namesOf(targets)}: save this as banban.v${family}, load it with`,
      `"${program}-restore --noflush banban.v${family}", and then let packets go there before any other rule:`,
      ...jumps,
    ) + installText(targets, family, new Map())
  );
}

/** What the targets need of a firewall, in words and in texts for nft, ipset, iptables-restore and ip6tables-restore. Runs nothing. */
export function printRules(targets: readonly TargetConfig[]): string {
  const [ofNft, ofIptables] = [targets.filter(needsNft), targets.filter(needsIptables)];
  const others = targets.filter(({ backends }) => backends.every((backend) => backend === 'hosts_deny' || backend === 'command'));
  const parts = [
    comment('What banban’s targets need of the firewall. "banctl firewall install" puts in what is missing of it; firewall: {manage: true}', 'keeps it there.', ...(others.length === 0 ? [] : [`${namesOf(others)}: no firewall rule is needed.`])),
    ...(ofNft.length === 0 ? [] : [nftPart(ofNft)]),
    ...(ofIptables.length === 0 ? [] : [`${ipsetPart(ofIptables)}${iptablesPart(ofIptables, 4)}\n${iptablesPart(ofIptables, 6)}`]),
  ];
  return parts.join('\n');
}
