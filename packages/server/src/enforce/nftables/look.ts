/** Whether a target's sets are there, and as banban needs them. */
import { attributesOf, MessageWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../netlink/message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { NFT_TABLE } from '../names.ts';
import { FAMILY, FAMILY_LENGTH, GETSET, GETTABLE, NEWSET, NFT_SET, NFTA_SET, NFTA_SET_DESC_SIZE, NFTA_TABLE } from './protocol.ts';
import { ENOENT, NO_TABLE, noSet, unreadable } from './refusal.ts';
import type { ElementSet } from './sets.ts';

/** What a look found. */
export type Look =
  | { readonly state: 'present'; /** Of all sets together, where each has a size. */ readonly capacity: number | undefined }
  | { readonly state: 'missing'; readonly message: string }
  /** The sets are not as they have to be, or the kernel does not tell. */
  | { readonly state: 'failed'; readonly message: string };

/** nft's numbers of the types ipv4_addr and ipv6_addr (its include/datatype.h); the kernel only keeps them. */
const KEY_TYPES = { 4: 7, 6: 8 } as const;
const TYPE_NAMES = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

/** What is wrong with a set; undefined when it can be used. */
function fault({ family, kind, width }: ElementSet, attributes: ReadonlyMap<number, Buffer>): string | undefined {
  const number = (type: number): number => attributes.get(type)?.readUInt32BE(0) ?? 0;
  const flags = number(NFTA_SET.FLAGS);
  if ((flags & (NFT_SET.MAP | NFT_SET.OBJECT)) !== 0) return 'is a map';
  if (number(NFTA_SET.KEY_TYPE) !== KEY_TYPES[family] || number(NFTA_SET.KEY_LEN) !== width) return `is not of the type ${TYPE_NAMES[family]}`;
  if ((flags & NFT_SET.CONSTANT) !== 0) return 'is constant';
  if ((flags & NFT_SET.TIMEOUT) === 0) return 'lacks the flag timeout';
  if (kind === 'net' && (flags & NFT_SET.INTERVAL) === 0) return 'lacks the flag interval';
  if (kind === 'host' && (flags & NFT_SET.INTERVAL) !== 0) return 'has the flag interval';
  return undefined;
}

function sizeOf(attributes: ReadonlyMap<number, Buffer>): number | undefined {
  const description = attributes.get(NFTA_SET.DESC);
  const size = description && attributesOf(description, 0, description.length).get(NFTA_SET_DESC_SIZE)?.readUInt32BE(0);
  return size === undefined || size === 0 ? undefined : size;
}

function isTableThere(socket: NetlinkSocket): boolean {
  const writer = new MessageWriter(64);
  writer.begin(GETTABLE, NLM_F_REQUEST | NLM_F_ACK, FAMILY);
  writer.text(NFTA_TABLE, NFT_TABLE);
  writer.end();
  return socket.ask(writer.finish(), 1)[0]?.errno !== ENOENT;
}

/** Looks at the sets; costs some ten microseconds. @throws what the socket throws */
export function lookAt(socket: NetlinkSocket, sets: readonly ElementSet[]): Look {
  const writer = new MessageWriter(512);
  const bySequence = new Map<number, ElementSet>();
  for (const set of sets) {
    bySequence.set(writer.begin(GETSET, NLM_F_REQUEST | NLM_F_ACK, FAMILY), set);
    writer.text(NFTA_TABLE, NFT_TABLE);
    writer.text(NFTA_SET.NAME, set.name);
    writer.end();
  }
  const faults: string[] = [];
  const sizes: (number | undefined)[] = [];
  const answers = socket.ask(writer.finish(), sets.length, (message, bytes) => {
    const set = bySequence.get(message.sequence);
    if (message.type !== NEWSET || set === undefined) return;
    const attributes = attributesOf(bytes, message.start + FAMILY_LENGTH, message.end);
    const wrong = fault(set, attributes);
    sizes.push(sizeOf(attributes));
    if (wrong !== undefined) {
      faults.push(`the set ${set.name} ${wrong}, so banban can't use it: take the table away with "nft delete table inet ${NFT_TABLE}", and "banctl firewall install" makes it anew`);
    }
  });
  const refused = answers.find((answer) => answer.errno !== 0);
  if (refused?.errno === ENOENT) {
    const missing = bySequence.get(refused.sequence)?.name ?? '';
    return { state: 'missing', message: isTableThere(socket) ? noSet(missing) : NO_TABLE };
  }
  if (refused !== undefined) return { state: 'failed', message: unreadable(refused.errno, refused.message) };
  if (faults[0] !== undefined) return { state: 'failed', message: faults[0] };
  if (sizes.length < sets.length) return { state: 'failed', message: 'nf_tables did not say what its sets are' };
  const capacity = sizes.reduce<number | undefined>((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
  return { state: 'present', capacity };
}
