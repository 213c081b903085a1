/** Reads the elements of a target's sets back into subjects. */
import type { Subject } from 'banban-shared';
import { MessageWriter, NLM_F_DUMP, NLM_F_REQUEST } from '../../netlink/message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { NFT_TABLE } from '../names.ts';
import { ipv4Subject, ipv6Subject, isMapped } from './address-text.ts';
import { eachElement } from './elements.ts';
import { bitsOf, pairs, type Interval } from './intervals.ts';
import { FAMILY, GETSETELEM, NEWSETELEM, NFTA_LIST, NFTA_TABLE } from './protocol.ts';
import { isOfNetworks, setNumber, type ElementSet } from './sets.ts';

/** How the dump of a set went. */
export interface Dump {
  /** 0 when it was given; ENOENT when the set is gone. */
  readonly errno: number;
  readonly message: string;
  /** Something in nf_tables changed meanwhile, be it another table. */
  readonly interrupted: boolean;
}

/** What is told of each row; `value` is what the caller made of its element. */
export type RowAction<T> = (subject: Subject, value: T) => void;

/** Whether all bits behind the first `bits` are zero. */
function isNetworkAt(bytes: Buffer, at: number, width: number, bits: number): boolean {
  for (let i = bits >> 3; i < width; i++) if ((bytes.readUInt8(at + i) & (i === bits >> 3 ? 0xff >> (bits & 7) : 0xff)) !== 0) return false;
  return true;
}

/** The subject that an element of `bits` bits is of; undefined where banban would have written none such to this set. */
function subjectAt(bytes: Buffer, at: number, bits: number, { family, width }: ElementSet): Subject | undefined {
  if (family === 4) return ipv4Subject(bytes, at, bits);
  return isMapped(bytes, at) || !isNetworkAt(bytes, at, width, bits) ? undefined : ipv6Subject(bytes, at, bits);
}

/**
 * Dumps a set, and calls back for each row that banban could have written: what an admin put there besides (a range that is no
 * network, a single address among the networks) is neither told nor touched. The kernel leaves out what is over its time.
 *
 * @param value makes of an element's bytes, and where its counter's attribute is (0 for none), what is told of the row
 * @throws what the socket throws
 */
export function readSet<T>(socket: NetlinkSocket, set: ElementSet, ipv6Prefix: number, value: (bytes: Buffer, expression: number) => T, row: RowAction<T>): Dump {
  return set.kind === 'host' ? readHosts(socket, set, ipv6Prefix, value, row) : readNetworks(socket, set, ipv6Prefix, value, row);
}

/** Dumps a set as it is. @throws what the socket throws */
function dumpSet(socket: NetlinkSocket, set: ElementSet, action: (bytes: Buffer, key: number, isEnd: boolean, expression: number) => void): Dump {
  const writer = new MessageWriter(256);
  writer.begin(GETSETELEM, NLM_F_REQUEST | NLM_F_DUMP, FAMILY);
  writer.text(NFTA_TABLE, NFT_TABLE);
  writer.text(NFTA_LIST.SET, set.name);
  writer.end();
  return socket.dump(writer.finish(), (message, bytes) => {
    if (message.type !== NEWSETELEM) return;
    eachElement(bytes, message.start, message.end, (key, width, isEnd, expression) => {
      if (width === set.width) action(bytes, key, isEnd, expression);
    });
  });
}

function readHosts<T>(socket: NetlinkSocket, set: ElementSet, ipv6Prefix: number, value: (bytes: Buffer, expression: number) => T, row: RowAction<T>): Dump {
  const bits = set.family === 4 ? 32 : ipv6Prefix;
  return dumpSet(socket, set, (bytes, key, _isEnd, expression) => {
    const subject = subjectAt(bytes, key, bits, set);
    if (subject !== undefined) row(subject, value(bytes, expression));
  });
}

/** The networks of a set as the kernel shows them, from the lowest, with what `value` made of each. @throws what the socket throws */
export function readIntervals<T>(socket: NetlinkSocket, set: ElementSet, value: (bytes: Buffer, expression: number) => T): { readonly dump: Dump; readonly intervals: readonly Interval<T>[] } {
  const starts: [string, T][] = [];
  const ends: string[] = [];
  const dump = dumpSet(socket, set, (bytes, key, isEnd, expression) => {
    const text = bytes.toString('latin1', key, key + set.width);
    if (isEnd) ends.push(text);
    else starts.push([text, value(bytes, expression)]);
  });
  return { dump, intervals: pairs({ starts, ends }) };
}

function readNetworks<T>(socket: NetlinkSocket, set: ElementSet, ipv6Prefix: number, value: (bytes: Buffer, expression: number) => T, row: RowAction<T>): Dump {
  const { dump, intervals } = readIntervals(socket, set, value);
  for (const { start, end, value: of } of intervals) {
    const first = Buffer.from(start, 'latin1');
    const bits = bitsOf(first, end === undefined ? undefined : Buffer.from(end, 'latin1'));
    if (bits === undefined || !isOfNetworks(setNumber(set.family, bits, ipv6Prefix))) continue;
    const subject = subjectAt(first, 0, bits, set);
    if (subject !== undefined) row(subject, of);
  }
  return dump;
}
