/** Whether a target's sets are there, and as banban needs them. */
import { attributesOf, MessageWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../netlink/message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { NFT_TABLE } from '../names.ts';
import { FAMILY, FAMILY_LENGTH, GETSET, GETTABLE, NEWSET, NFTA_SET, NFTA_SET_DESC_SIZE, NFTA_TABLE, NFT_SET } from './protocol.ts';
import { ENOENT, NO_TABLE, noSet, unreadable } from './refusal.ts';
import type { ElementSet } from './sets.ts';

/** Why a set can't be used, a sentence; `missing` when it is not there. */
export interface SetFault {
  readonly state: 'missing' | 'failed';
  readonly message: string;
}

/** What a look found; where all is not well, the fault of the first such set, and those of all by their numbers. */
export type Look =
  | { readonly state: 'present'; /** Of all sets together, where each has a size. */ readonly capacity: number | undefined }
  | (SetFault & { readonly faults: ReadonlyMap<number, SetFault> });

/** nft's numbers of the types ipv4_addr and ipv6_addr (its include/datatype.h); the kernel only keeps them. */
const KEY_TYPES = { 4: 7, 6: 8 } as const;
const TYPE_NAMES = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

/** What is wrong with a set; undefined when it can be used. */
function fault({ family, kind, width }: ElementSet, attributes: ReadonlyMap<number, Buffer>): string | undefined {
  const number = (type: number): number => attributes.get(type)?.readUInt32BE(0) ?? 0;
  const flags = number(NFTA_SET.FLAGS);
  if ((flags & (NFT_SET.MAP | NFT_SET.OBJECT)) !== 0) return 'is a map';
  if (number(NFTA_SET.KEY_TYPE) !== KEY_TYPES[family] || number(NFTA_SET.KEY_LEN) !== width) return `is not of the type ${TYPE_NAMES[family]}`;
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
  for (const set of sets) {
    writer.begin(GETSET, NLM_F_REQUEST | NLM_F_ACK, FAMILY);
    writer.text(NFTA_TABLE, NFT_TABLE);
    writer.text(NFTA_SET.NAME, set.name);
    writer.end();
  }
  const told = new Map<number, ReadonlyMap<number, Buffer>>();
  const answers = socket.ask(writer.finish(), sets.length, (message, bytes) => {
    // What is received is gone when more is.
    if (message.type === NEWSET) told.set(message.sequence - 1, attributesOf(Buffer.from(bytes.subarray(message.start + FAMILY_LENGTH, message.end)), 0, message.end - message.start - FAMILY_LENGTH));
  });
  const isGone = answers.some((answer) => answer.errno === ENOENT);
  const hasTable = isGone && isTableThere(socket);
  const faults = new Map<number, SetFault>();
  let capacity: number | undefined = 0;
  sets.forEach((set, number) => {
    const { errno, message } = answers.find((answer) => answer.sequence - 1 === number) ?? { errno: 0, message: '' };
    const attributes = told.get(number);
    if (errno === ENOENT) faults.set(number, { state: 'missing', message: hasTable ? noSet(set.name) : NO_TABLE });
    else if (errno !== 0 || attributes === undefined) faults.set(number, { state: 'failed', message: unreadable(errno, message) });
    else {
      const wrong = fault(set, attributes);
      const size = sizeOf(attributes);
      capacity = capacity === undefined || size === undefined ? undefined : capacity + size;
      if (wrong === undefined) return;
      faults.set(number, {
        state: 'failed',
        message: `the set ${set.name} ${wrong}, so banban can't use it: take the table away with "nft delete table inet ${NFT_TABLE}", and "banctl firewall install" makes it anew`,
      });
    }
  });
  const all = [...faults.values()];
  // What is missing can be put there; what is wrong in the rest shows then.
  const worst = all.find((one) => one.state === 'missing') ?? all[0];
  return worst === undefined ? { state: 'present', capacity } : { ...worst, faults };
}
