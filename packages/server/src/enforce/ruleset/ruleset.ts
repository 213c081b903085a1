/** The rules that read the lists: shown, put in, taken out, judged, and watched. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import { nativeNetlink, type NativeNetlink } from '../../netlink/native.ts';
import type { FirewallRules } from '../firewall.ts';
import { IPTABLES_CHAIN, NFT_TABLE } from '../names.ts';
import { gather, hasLegacyRules } from './evidence.ts';
import { diagnose } from './findings.ts';
import { mainIptables } from './iptables-programs.ts';
import { installIptables, isIptablesIntact, removeIptables, type Spellings } from './iptables-ruleset.ts';
import { JUMPING_CHAINS, needsIptables } from './iptables-text.ts';
import { destroyIpsets, makeIpsets, needsIpset } from './ipset-ruleset.ts';
import { kernelRules, type ChainPlace } from './kernel-rules.ts';
import { installNft, isNftIntact, needsNft, removeNft } from './nft-ruleset.ts';
import { nftText, wantedChains } from './nft-text.ts';
import { together } from './outcome.ts';
import { programs } from './programs.ts';

/** What the ruleset works with; the defaults are right for any machine, tests have folders of their own. */
export interface RulesetOptions {
  readonly clock: Clock;
  /** As in `ExecOptions`. */
  readonly path?: string;
  /** Where the kernel tells of this network's addresses. */
  readonly procNet?: string;
  /** The parameter `ip_list_tot` of xt_recent. */
  readonly capacityFile?: string;
  /** Netlink, for looks without programs; undefined is none. Left out: that of this machine. */
  readonly native?: NativeNetlink | undefined;
}

/**
 * The rules that read the lists. Each call waits for the one before. `isIntact` mostly costs a few microseconds of netlink; it runs
 * programs where rules of iptables-legacy have to be looked at, where there is no netlink, and after a change.
 */
export interface Ruleset extends FirewallRules {
  /** Whether all that the last look was about is told by nf_tables' events when it changes; iptables-legacy changes without a word. */
  tellsByEvents(): boolean;
  /** Lets go of the socket; the rules stay. */
  close(): void;
}

/** Whether an interface other than the loopback has an IPv6 address. */
function usesIpv6(procNet: string): boolean {
  try {
    return readFileSync(join(procNet, 'if_inet6'), 'latin1').split('\n').some((line) => line !== '' && !/\slo$/.test(line.trimEnd()));
  } catch {
    return false;
  }
}

function readNumber(file: string): number | undefined {
  try {
    const value = Number(readFileSync(file, 'latin1').trim());
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The chains of which a change means that the rules have to be looked at. */
function placesOf(targets: readonly TargetConfig[]): ChainPlace[] {
  const places: ChainPlace[] = [];
  if (targets.some(needsNft)) for (const { name } of wantedChains(targets)) places.push({ family: 'inet', table: NFT_TABLE, chain: name, isFirstEnough: false });
  if (targets.some(needsIptables))
    for (const family of [4, 6] satisfies Family[]) {
      places.push({ family, table: 'filter', chain: IPTABLES_CHAIN, isFirstEnough: false });
      for (const chain of JUMPING_CHAINS) places.push({ family, table: 'filter', chain, isFirstEnough: true });
    }
  return places;
}

/** One for each firewall that is kept. */
export function createRuleset({ clock, path, procNet = '/proc/net', capacityFile = '/sys/module/xt_recent/parameters/ip_list_tot', ...rest }: RulesetOptions): Ruleset {
  const native = 'native' in rest ? rest.native : nativeNetlink().native;
  const run = programs(clock, path);
  const kernel = kernelRules(native);
  const spellings: Spellings = new Map();
  /** What the kernel's rules looked like when they were last found right. */
  let known: { readonly wanted: string; readonly fingerprint: string } | undefined;
  /** Rules are only where netlink sees them; undefined while nobody has looked. */
  let isAllSeen: boolean | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: two that put rules in at the same time would each undo half of the other's. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  }

  const keyOf = (targets: readonly TargetConfig[]): string => JSON.stringify([nftText(targets), targets.map(({ name, backends, ports, protocols, action, ipv6Prefix, seconds }) => [name, backends, ports, protocols, action, ipv6Prefix, seconds])]);

  async function look(targets: readonly TargetConfig[]): Promise<boolean> {
    const places = placesOf(targets);
    if (places.length === 0) return true;
    const wanted = keyOf(targets);
    // Before the look: what changes meanwhile is seen the next time.
    const before = isAllSeen === false ? undefined : kernel.fingerprint(places);
    if (before !== undefined && isAllSeen === true && known?.wanted === wanted && known.fingerprint === before) return true;
    known = undefined;
    const [nft, iptables] = await Promise.all([isNftIntact(targets, run), isIptablesIntact(targets, run, usesIpv6(procNet), spellings)]);
    isAllSeen ??= !targets.some(needsIptables) || (await mainIptables(run)).every(({ variant }) => variant === 'nft');
    if (nft && iptables && isAllSeen && before !== undefined) known = { wanted, fingerprint: before };
    return nft && iptables;
  }

  return {
    install: (targets) =>
      inTurn(async () => {
        isAllSeen = undefined;
        const isIpv6Used = usesIpv6(procNet);
        const nft = await installNft(targets, run);
        // Rules of iptables name sets, so these are there before them, and go after them.
        const made = await makeIpsets(targets, run);
        const iptables = await installIptables(targets, run, isIpv6Used, spellings);
        const destroyed = await destroyIpsets(targets, run, clock, targets.some(needsIpset));
        return together(nft, made, iptables, destroyed);
      }),
    remove: (targets) =>
      inTurn(async () => {
        known = undefined;
        const nft = await removeNft(targets, run);
        const iptables = await removeIptables(targets, run, usesIpv6(procNet));
        return together(nft, iptables, await destroyIpsets([], run, clock, targets.some(needsIpset)));
      }),
    check: (targets, facts) =>
      inTurn(async () => {
        const evidence = await gather(targets, run, { usesIpv6: usesIpv6(procNet), recentRows: readNumber(capacityFile) });
        isAllSeen = !hasLegacyRules(evidence);
        return diagnose(targets, evidence, facts);
      }),
    isIntact: (targets) => inTurn(() => look(targets)),
    tellsByEvents: () => isAllSeen === true,
    close: () => kernel.close(),
  };
}
