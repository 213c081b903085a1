/** Whether the rules are still the ones that were put in: asked again and again, so it has to cost next to nothing. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { IPTABLES_CHAIN, NFT_TABLE } from '../names.ts';
import { mainIptables } from './iptables-programs.ts';
import { isIptablesIntact, type IptablesTools } from './iptables-ruleset.ts';
import { JUMPING_CHAINS, needsIptables } from './iptables-text.ts';
import { kernelRules, type ChainPlace } from './kernel-rules.ts';
import { isNftIntact, needsNft } from './nft-ruleset.ts';
import { wantedChains } from './nft-text.ts';

/** Looks at the rules, by netlink where that is enough. */
export interface RulesWatch {
  isIntact(targets: readonly TargetConfig[], tools: IptablesTools): Promise<boolean>;
  /** Whether the rules are where netlink, and its events, show them; undefined before the first look. */
  isAllSeen(): boolean | undefined;
  /** Finds all out anew: rules have been put in, or another iptables may have become that of PATH. */
  forget(): void;
  close(): void;
}

const FAMILIES: readonly Family[] = [4, 6];

/** The chains of which a change means that the rules have to be looked at. */
const nftPlaces = (targets: readonly TargetConfig[]): readonly ChainPlace[] =>
  targets.some(needsNft) ? wantedChains(targets).map(({ name }) => ({ family: 'inet', table: NFT_TABLE, chain: name, isFirstEnough: false })) : [];

/** As above. */
const iptablesPlaces = (targets: readonly TargetConfig[]): readonly ChainPlace[] =>
  targets.some(needsIptables)
    ? FAMILIES.flatMap((family) => [
        { family, table: 'filter', chain: IPTABLES_CHAIN, isFirstEnough: false },
        ...JUMPING_CHAINS.map((chain) => ({ family, table: 'filter', chain, isFirstEnough: true })),
      ])
    : [];

/** One kind of rules, and what the kernel's were when a program last found them right. */
interface Part {
  readonly places: readonly ChainPlace[];
  known: string | undefined;
}

/** A watch that has not looked yet. */
export function rulesWatch(native: NativeNetlink | undefined): RulesWatch {
  const kernel = kernelRules(native);
  /** What the look was about; each configuration has targets of its own. */
  let about: { readonly targets: readonly TargetConfig[]; readonly nft: Part; readonly iptables: Part } | undefined;
  let isAllSeen: boolean | undefined;

  function partsOf(targets: readonly TargetConfig[]): { readonly nft: Part; readonly iptables: Part } {
    if (about?.targets.length !== targets.length || !targets.every((target, i) => target === about?.targets[i]))
      about = { targets: [...targets], nft: { places: nftPlaces(targets), known: undefined }, iptables: { places: iptablesPlaces(targets), known: undefined } };
    return about;
  }

  async function isPartIntact(part: Part, isSeen: boolean, look: () => Promise<boolean>): Promise<boolean> {
    if (part.places.length === 0) return true;
    // Before the program looks: what changes meanwhile is another fingerprint the next time.
    const now = isSeen ? kernel.fingerprint(part.places) : undefined;
    if (now !== undefined && now === part.known) return true;
    part.known = undefined;
    const isIntact = await look();
    if (isIntact) part.known = now;
    return isIntact;
  }

  return {
    async isIntact(targets, tools) {
      const { programs } = tools;
      const { nft, iptables } = partsOf(targets);
      const isSeen = (isAllSeen ??= iptables.places.length === 0 || (await mainIptables(programs)).every(({ variant }) => variant === 'nft'));
      const looks = await Promise.all([
        isPartIntact(nft, true, () => isNftIntact(targets, programs)),
        isPartIntact(iptables, isSeen, () => isIptablesIntact(targets, tools)),
      ]);
      return !looks.includes(false);
    },
    isAllSeen: () => isAllSeen,
    forget() {
      about = undefined;
      isAllSeen = undefined;
    },
    close: () => kernel.close(),
  };
}
