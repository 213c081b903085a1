/** The masks of the rules that name a list of xt_recent, as the kernel has them: iptables-save prints a quarter of them for IPv4. */
import type { TargetConfig } from '../../config/config.ts';
import { attributesOf, eachAttribute, isSupported, MessageWriter, NLM_F_DUMP, NLM_F_REQUEST, textOf } from '../../netlink/message.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { openNetlink } from '../../netlink/socket.ts';
import { FAMILY_LENGTH, NETLINK_NETFILTER, NFTA_EXPR } from '../nftables/protocol.ts';
import { ipv6MaskBytes } from './ipv6-mask.ts';
import { GETRULE, NFPROTO, NFTA_RULE } from './kernel-rules.ts';

/** NFTA_MATCH_NAME, NFTA_MATCH_INFO. */
const MATCH = { NAME: 1, INFO: 3 } as const;
/** struct xt_recent_mtinfo_v1 of linux/netfilter/xt_recent.h: its name, its mask of 16 bytes, its whole. */
const INFO = { NAME: 10, NAME_END: 210, MASK: 212, LENGTH: 228 } as const;

/** Where a rule may look at a list; nat is large, and nothing is dropped there. */
const TABLES = ['raw', 'mangle', 'filter', 'security'];

/** Looks at one expression of a rule. */
function addMask(expression: Map<number, Buffer>, masks: Map<string, Set<string>>): void {
  const [kind, data] = [expression.get(NFTA_EXPR.NAME), expression.get(NFTA_EXPR.DATA)];
  if (kind === undefined || data === undefined || textOf(kind) !== 'match') return;
  const match = attributesOf(data, 0, data.length);
  const [name, info] = [match.get(MATCH.NAME), match.get(MATCH.INFO)];
  if (name === undefined || textOf(name) !== 'recent' || info === undefined || info.length < INFO.LENGTH) return;
  const end = info.indexOf(0, INFO.NAME);
  const list = info.toString('utf8', INFO.NAME, end < 0 ? INFO.NAME_END : Math.min(end, INFO.NAME_END));
  masks.set(list, (masks.get(list) ?? new Set()).add(info.toString('hex', INFO.MASK, INFO.LENGTH)));
}

/** By list, the 16 bytes of each mask in the rules of iptables-nft for IPv4, in hexadecimal; undefined when the kernel can't be asked. */
export function recentMasks(native: NativeNetlink | undefined): ReadonlyMap<string, ReadonlySet<string>> | undefined {
  if (native === undefined || !isSupported) return undefined;
  try {
    const socket = openNetlink(native, NETLINK_NETFILTER);
    try {
      const masks = new Map<string, Set<string>>();
      for (const table of TABLES) {
        const writer = new MessageWriter(64);
        writer.begin(GETRULE, NLM_F_REQUEST | NLM_F_DUMP, Buffer.from([NFPROTO[4], 0, 0, 0]));
        writer.text(NFTA_RULE.TABLE, table);
        writer.end();
        const { errno, interrupted } = socket.dump(writer.finish(), ({ start, end }, bytes) => {
          const expressions = attributesOf(bytes, start + FAMILY_LENGTH, end).get(NFTA_RULE.EXPRESSIONS);
          if (expressions !== undefined) eachAttribute(expressions, 0, expressions.length, (_, from, to) => addMask(attributesOf(expressions, from, to), masks));
        });
        if (errno !== 0 || interrupted) return undefined;
      }
      return masks;
    } finally {
      socket.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * Whether a target's list is right whichever rule has made it, as far as those for IPv4 go: their masks are 16 bytes as well, and
 * those for IPv6 are seen in what ip6tables-save prints.
 *
 * @param masks what `recentMasks` has found
 */
export function harmlessMask({ name, ipv6Prefix }: TargetConfig, masks: ReturnType<typeof recentMasks>): boolean {
  const right = Buffer.from(ipv6MaskBytes(ipv6Prefix)).toString('hex');
  const found = masks?.get(name);
  return found !== undefined && [...found].every((mask) => mask === right);
}
