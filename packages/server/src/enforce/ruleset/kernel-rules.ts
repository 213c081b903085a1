/**
 * What the kernel says of rules by netlink (linux/netfilter/nf_tables.h), to see in microseconds whether they are the ones that were there
 * before: nft's own and those of iptables-nft, which is nf_tables underneath. What they mean is left to programs.
 *
 * The kernel gives each table of a network namespace a number of its own, and each rule one of its table's; neither is used twice. But a rule that
 * is replaced keeps its number (tried on Linux 6.18), so that what it says is looked at as well, counters left out.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Family } from 'banban-shared';
import { attributesOf, eachAttribute, isSupported, MessageWriter, NLM_F_DUMP, NLM_F_REQUEST, textOf } from '../../netlink/message.ts';
import { openNetlink, type NetlinkSocket } from '../../netlink/socket.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { FAMILY_LENGTH, GETTABLE, NETLINK_NETFILTER, NFTA_EXPR } from '../nftables/protocol.ts';

/** NFT_MSG_GETRULE of NFNL_SUBSYS_NFTABLES. */
export const GETRULE = (10 << 8) | 7;
/** NFTA_TABLE_NAME, NFTA_TABLE_FLAGS, NFTA_TABLE_HANDLE. */
const TABLE = { NAME: 1, FLAGS: 2, HANDLE: 4 } as const;
/** NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_EXPRESSIONS, NFTA_RULE_USERDATA (the comment). */
export const NFTA_RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, USERDATA: 7 } as const;
/** NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6. */
export const NFPROTO = { inet: 1, 4: 2, 6: 10 } as const;

/** A chain to look at. */
export interface ChainPlace {
  readonly family: 'inet' | Family;
  readonly table: string;
  readonly chain: string;
  /** Only its first rule matters. */
  readonly isFirstEnough: boolean;
}

/** Looks at chains. */
export interface KernelRules {
  /** A text that is the same as long as the chains have the same rules; undefined when the kernel can't be asked. Never throws. */
  fingerprint(places: readonly ChainPlace[]): string | undefined;
  close(): void;
}

/** @param native undefined: the kernel is never asked */
export function kernelRules(native: NativeNetlink | undefined): KernelRules {
  let socket: NetlinkSocket | undefined;

  function dump(message: number, family: ChainPlace['family'], names: readonly (readonly [number, string])[], action: (attributes: Map<number, Buffer>) => void): void {
    if (native === undefined) return;
    socket ??= openNetlink(native, NETLINK_NETFILTER);
    const writer = new MessageWriter(512);
    writer.begin(message, NLM_F_REQUEST | NLM_F_DUMP, Buffer.from([NFPROTO[family], 0, 0, 0]));
    for (const [type, name] of names) writer.text(type, name);
    writer.end();
    const { errno, interrupted } = socket.dump(writer.finish(), ({ start, end }, bytes) => action(attributesOf(bytes, start + FAMILY_LENGTH, end)));
    if (errno !== 0 || interrupted) throw new Error('the rules changed while they were looked at');
  }

  /** Everything of a rule but its counts. */
  function addRule(hash: Hash, rule: Map<number, Buffer>): void {
    hash.update(rule.get(NFTA_RULE.HANDLE) ?? '').update(rule.get(NFTA_RULE.USERDATA) ?? '');
    const expressions = rule.get(NFTA_RULE.EXPRESSIONS);
    if (expressions === undefined) return;
    eachAttribute(expressions, 0, expressions.length, (_, from, to) => {
      const name = attributesOf(expressions, from, to).get(NFTA_EXPR.NAME);
      if (name === undefined || textOf(name) !== 'counter') hash.update(expressions.subarray(from, to));
    });
  }

  const handleOf = (attributes: Map<number, Buffer>, type: number): string => attributes.get(type)?.toString('hex') ?? '';

  return {
    fingerprint(places) {
      if (native === undefined || !isSupported) return undefined;
      try {
        const parts: string[] = [];
        for (const family of new Set(places.map((place) => place.family)))
          dump(GETTABLE, family, [], (table) => {
            const name = textOf(table.get(TABLE.NAME) ?? Buffer.alloc(0));
            if (places.some((place) => place.family === family && place.table === name)) parts.push(`${family} ${name} ${handleOf(table, TABLE.HANDLE)} ${handleOf(table, TABLE.FLAGS)}`);
          });
        for (const { family, table, chain, isFirstEnough } of places) {
          const hash = createHash('sha1');
          let count = 0;
          dump(GETRULE, family, [[NFTA_RULE.TABLE, table], [NFTA_RULE.CHAIN, chain]], (rule) => {
            if (count++ === 0 || !isFirstEnough) addRule(hash, rule);
          });
          parts.push(`${family} ${table} ${chain} ${hash.digest('hex')}`);
        }
        return parts.join('\n');
      } catch {
        socket?.close();
        socket = undefined;
        return undefined;
      }
    },
    close() {
      socket?.close();
      socket = undefined;
    },
  };
}
