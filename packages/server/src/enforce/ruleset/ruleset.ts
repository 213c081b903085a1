/** The rules that read the lists: shown, put in, taken out, judged, and watched. */
import type { Family } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import { nativeNetlink, type NativeNetlink } from '../../netlink/native.ts';
import type { FirewallRules } from '../firewall.ts';
import { IPTABLES_CHAIN } from '../names.ts';
import { enumerate } from './enumerate.ts';
import { gather, hasLegacyRules } from './evidence.ts';
import { diagnose } from './findings.ts';
import { installIptables, removeIptables, type IptablesTools } from './iptables-ruleset.ts';
import { installText, JUMPING_CHAINS, needsIptables } from './iptables-text.ts';
import { destroyIpsets, makeIpsets, needsIpset } from './ipset-ruleset.ts';
import { wantedIpsets } from './ipset-sets.ts';
import { recentRows, usesIpv6, type FactFiles } from './machine-facts.ts';
import { installNft, needsNft, removeNft } from './nft-ruleset.ts';
import { nftText } from './nft-text.ts';
import { together } from './outcome.ts';
import { programs } from './programs.ts';
import { recentLists } from './recent-lists.ts';
import { harmlessMask, recentMasks } from './recent-masks.ts';
import { rulesWatch } from './rules-watch.ts';

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
      ...(family === 6 ? ['Before those of iptables: the first rule that names a list of xt_recent decides how much of IPv6 addresses it sees.'] : []),
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
    ...(ofIptables.length === 0 ? [] : [`${ipsetPart(ofIptables)}${iptablesPart(ofIptables, 6)}\n${iptablesPart(ofIptables, 4)}`]),
  ];
  return parts.join('\n');
}

/** What the ruleset works with; the defaults are right for any machine, tests have folders of their own. */
interface RulesetOptions extends Partial<FactFiles> {
  readonly clock: Clock;
  /** As in `ExecOptions`. */
  readonly path?: string;
  /** Netlink, for looks without programs; undefined is none. Left out: that of this machine. */
  readonly native?: NativeNetlink | undefined;
}

/** The rules that read the lists; each call waits for the one before. */
export interface Ruleset extends FirewallRules {
  /** Whether all that the last look was about is told by nf_tables' events when it changes; iptables-legacy changes without a word. */
  tellsByEvents(): boolean;
  /** Lets go of the socket; the rules stay. */
  close(): void;
}

/** One for each firewall that is kept. */
export function createRuleset({ clock, path, procNet = '/proc/net', capacityFile = '/sys/module/xt_recent/parameters/ip_list_tot', ...rest }: RulesetOptions): Ruleset {
  const files = { procNet, capacityFile };
  const run = programs(clock, path);
  const native = 'native' in rest ? rest.native : nativeNetlink().native;
  const watch = rulesWatch(native);
  const lists = recentLists(procNet);
  const spellings = new Map<string, string>();
  let isTold = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Two that put rules in at the same time would each undo half of the other's. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  }

  /** For one call: what the kernel says is looked up once, and only when it is asked for. */
  function tools(): IptablesTools {
    let masks: ReturnType<typeof recentMasks> | null = null;
    const isHarmless = (target: TargetConfig): boolean => harmlessMask(target, (masks = masks === null ? recentMasks(native) : masks));
    return { clock, programs: run, lists, isHarmless, isIpv6Used: usesIpv6(files), spellings };
  }

  return {
    install: (targets) =>
      inTurn(async () => {
        watch.forget();
        const nft = await installNft(targets, run);
        // Rules of iptables name sets: these are there before them, and go after them.
        const made = await makeIpsets(targets, run);
        const iptables = await installIptables(targets, tools());
        return together(nft, made, iptables, await destroyIpsets(targets, run, clock, targets.some(needsIpset)));
      }),
    remove: (targets) =>
      inTurn(async () => {
        const nft = await removeNft(targets, run);
        const iptables = await removeIptables(targets, run, usesIpv6(files));
        return together(nft, iptables, await destroyIpsets([], run, clock, targets.some(needsIpset)));
      }),
    check: (targets, facts) =>
      inTurn(async () => {
        const { isHarmless, isIpv6Used } = tools();
        const hasKnownMask = (target: TargetConfig): boolean => lists.isKnown(target) || isHarmless(target);
        const evidence = await gather(targets, run, { usesIpv6: isIpv6Used, recentRows: recentRows(files), hasKnownMask });
        isTold = !hasLegacyRules(evidence);
        return diagnose(targets, evidence, facts);
      }),
    isIntact: (targets) =>
      inTurn(async () => {
        const isIntact = await watch.isIntact(targets, tools());
        isTold = watch.isAllSeen() ?? false;
        return isIntact;
      }),
    tellsByEvents: () => isTold,
    close() {
      watch.close();
      lists.close();
    },
  };
}
