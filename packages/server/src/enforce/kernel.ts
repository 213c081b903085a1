/** The real kernel: which backend is which list. */
import type { Clock } from '../clock.ts';
import type { BackendName, TargetConfig } from '../config/config.ts';
import { isSupported } from '../netlink/message.ts';
import type { NativeNetlink } from '../netlink/native.ts';
import { commandList } from './command.ts';
import type { Firewall, KernelList } from './firewall.ts';
import { hostsDenyList } from './hosts-deny.ts';
import { ipsetList } from './ipset/ipset.ts';
import { nftProgramList } from './nft-program/nft-program.ts';
import { nftablesLists, type NftablesLists } from './nftables/nftables.ts';
import { xtRecentList } from './xt-recent.ts';

/** What the lists work with. */
export interface KernelOptions {
  readonly clock: Clock;
  /** Undefined: the program nft is used. */
  readonly native: NativeNetlink | undefined;
  /** The file of TCP wrappers. */
  readonly hostsDeny: string;
  /** Told once what keeps banban from the quick way, a sentence. */
  readonly warn: (message: string) => void;
}

/** Opens lists as they are asked for; what a backend needs is only looked for when a target has it. */
export function kernelFirewall({ clock, native, hostsDeny, warn }: KernelOptions): Firewall {
  let netlink: NftablesLists | undefined | null = null;

  /** One pair of sockets for all lists of nftables. */
  function nftables(): NftablesLists | undefined {
    if (netlink !== null) return netlink;
    if (native === undefined || !isSupported) return (netlink = undefined);
    try {
      return (netlink = nftablesLists(native, clock));
    } catch (error) {
      warn(`nf_tables can't be reached by netlink (${error instanceof Error ? error.message : String(error)}); the program nft is used instead`);
      return (netlink = undefined);
    }
  }

  return {
    kind: 'kernel',
    open(target: TargetConfig, backend: BackendName, changed: () => void): KernelList {
      switch (backend) {
        case 'xt_recent':
          return xtRecentList(target);
        case 'nftables':
          return nftables()?.open(target, changed) ?? nftProgramList(target, { clock, changed });
        case 'ipset':
          return ipsetList(target, { clock, changed });
        case 'hosts_deny':
          return hostsDenyList(target, { file: hostsDeny });
        case 'command':
          return commandList(target, { clock, changed });
      }
    },
  };
}
