/**
 * Writes the bytes of one transaction of nf_tables: BATCH_BEGIN, messages with as many elements as fit, BATCH_END. The kernel
 * does all of it or nothing, and answers for every message that it could not do.
 */
import { HEADER, NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../../netlink/message.ts';
import { NFT_TABLE } from '../names.ts';
import { putEnd } from './intervals.ts';
import * as nft from './protocol.ts';
import { FOR_EVER, KEY_ROOM, type Rows } from './rows.ts';
import type { ElementSet } from './sets.ts';

/**
 * What to do with elements. `stamp` adds, and gives a new time to what is there (as Linux 6.12 and later do it); `add` fails where it is there;
 * `remove` fails where it is not, `destroy` does not (since Linux 6.3).
 */
export type Verb = 'stamp' | 'add' | 'remove' | 'destroy';

/** The rows of one set that the same is done with; in this order. */
export interface Step {
  readonly verb: Verb;
  readonly set: number;
  readonly rows: readonly number[];
}

/** One message of a transaction: so many rows of a step. */
export interface Part {
  /** By which the kernel's answer names it. */
  readonly sequence: number;
  readonly step: Step;
  readonly from: number;
  readonly to: number;
}

/** What is sent, and what is in it. */
export interface Transaction {
  readonly bytes: Buffer;
  readonly parts: readonly Part[];
}

/** What is known besides the rows themselves. */
export interface Details {
  /** Rows that go in a message of their own, so that the answer is theirs alone. */
  readonly alone: ReadonlySet<number>;
  /** Attributes with what an element's counter is to begin with, by row. */
  readonly counters: ReadonlyMap<number, Uint8Array>;
}

const TYPES: Readonly<Record<Verb, readonly [type: number, flags: number]>> = {
  stamp: [nft.NEWSETELEM, NLM_F_CREATE],
  add: [nft.NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL],
  remove: [nft.DELSETELEM, 0],
  destroy: [nft.DESTROYSETELEM, 0],
};

/** The sequence number of the first part; the others follow one by one. */
export const FIRST_PART = 2;

/** The list of a message's elements is an attribute, of at most 65,535 bytes; a row with two elements and a counter needs 300. */
const FULL = 65_000;
/** What an element needs at most besides its counter: two of the longest, as a network has. */
const ELEMENTS = 160;
const NO_COUNTER = new Uint8Array(0);
/** By which nft knows that an interval has no end: NFTNL_UDATA_SET_ELEM_FLAGS, SET_ELEM_F_INTERVAL_OPEN (its include/rule.h). */
const OPEN_INTERVAL = Uint8Array.of(1, 4, 1, 0, 0, 0);

/** The bytes, and where the next go. Numbers of netfilter's are in network order, those of netlink in the machine's. */
class Writer {
  bytes = Buffer.allocUnsafe(1024);
  at = 0;

  room(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + length));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  /** A message's header and struct nfgenmsg; its length is written when it ends. */
  begin(type: number, flags: number, sequence: number, family: Buffer): number {
    this.room(256 + nft.FAMILY_LENGTH + HEADER);
    const start = this.at;
    this.bytes.fill(0, start, start + HEADER);
    this.bytes.writeUInt16LE(type, start + 4);
    this.bytes.writeUInt16LE(flags | NLM_F_REQUEST, start + 6);
    this.bytes.writeUInt32LE(sequence, start + 8);
    family.copy(this.bytes, start + HEADER);
    this.at += HEADER + nft.FAMILY_LENGTH;
    return start;
  }

  end(start: number): void {
    this.bytes.writeUInt32LE(this.at - start, start);
  }

  attribute(type: number, value: Uint8Array): void {
    const length = 4 + value.length;
    this.room(length + 3);
    this.bytes.writeUInt16LE(length, this.at);
    this.bytes.writeUInt16LE(type, this.at + 2);
    this.bytes.set(value, this.at + 4);
    const next = (this.at + length + 3) & ~3;
    this.bytes.fill(0, this.at + length, next);
    this.at = next;
  }

  /** An attribute that holds others; its length is written when it ends. */
  open(type: number): number {
    this.room(4);
    this.bytes.writeUInt16LE(type | NLA_F_NESTED, this.at + 2);
    this.at += 4;
    return this.at - 4;
  }

  close(start: number): void {
    this.bytes.writeUInt16LE(this.at - start, start);
  }

  /** The room has been made by the caller. */
  key(key: Buffer, from: number, width: number): void {
    const { bytes, at } = this;
    bytes.writeUInt16LE(8 + width, at);
    bytes.writeUInt16LE(nft.NFTA_ELEM.KEY | NLA_F_NESTED, at + 2);
    bytes.writeUInt16LE(4 + width, at + 4);
    bytes.writeUInt16LE(nft.NFTA_DATA_VALUE, at + 6);
    for (let i = 0; i < width; i += 4) bytes.writeUInt32LE(key.readUInt32LE(from + i), at + 8 + i);
    this.at += 8 + width;
  }

  u64(type: number, value: number): void {
    const { bytes, at } = this;
    bytes.writeUInt16LE(12, at);
    bytes.writeUInt16LE(type, at + 2);
    bytes.writeUInt32BE(Math.trunc(value / 2 ** 32), at + 4);
    bytes.writeUInt32BE(value % 2 ** 32, at + 8);
    this.at += 12;
  }

  u32(type: number, value: number): void {
    const { bytes, at } = this;
    bytes.writeUInt16LE(8, at);
    bytes.writeUInt16LE(type, at + 2);
    bytes.writeUInt32BE(value, at + 4);
    this.at += 8;
  }
}

const nul = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');
const TABLE = nul(NFT_TABLE);
const endKey = Buffer.alloc(KEY_ROOM);

function putRow(writer: Writer, rows: Rows, row: number, { kind, width }: ElementSet, verb: Verb, counter: Uint8Array): void {
  const isAdded = verb === 'stamp' || verb === 'add';
  writer.room(ELEMENTS + counter.length);
  const element = writer.open(nft.NFTA_LIST_ELEM);
  writer.key(rows.keys, row * KEY_ROOM, width);
  if (isAdded) {
    const timeout = rows.timeouts[row] ?? FOR_EVER;
    writer.u64(nft.NFTA_ELEM.TIMEOUT, timeout);
    // Without it the kernel leaves an element alone that was added with the same timeout an hour ago.
    if (verb === 'stamp' && timeout !== FOR_EVER) writer.u64(nft.NFTA_ELEM.EXPIRATION, timeout);
    writer.bytes.set(counter, writer.at);
    writer.at += counter.length;
  }
  const bits = rows.bits[row] ?? 0;
  const hasEnd = kind === 'net' && putEnd(rows.keys, row * KEY_ROOM, width, bits, endKey, 0);
  if (kind === 'net' && !hasEnd && isAdded) writer.attribute(nft.NFTA_ELEM.USERDATA, OPEN_INTERVAL);
  writer.close(element);
  if (!hasEnd) return;
  const end = writer.open(nft.NFTA_LIST_ELEM);
  writer.key(endKey, 0, width);
  writer.u32(nft.NFTA_ELEM.FLAGS, nft.NFT_SET_ELEM_INTERVAL_END);
  writer.close(end);
}

/** The transaction that does these steps, in their order. The last message asks for an answer; of the others only refusals come. */
export function transactionOf(rows: Rows, sets: readonly ElementSet[], steps: readonly Step[], { alone, counters }: Details): Transaction {
  const writer = new Writer();
  const parts: Part[] = [];
  let sequence = FIRST_PART - 1;
  writer.end(writer.begin(nft.NFNL_MSG_BATCH.BEGIN, 0, sequence, nft.BATCH));
  let last = 0;
  for (const step of steps) {
    const set = sets[step.set];
    if (set === undefined) continue;
    const [type, flags] = TYPES[step.verb];
    for (let from = 0; from < step.rows.length; ) {
      last = writer.begin(type, flags, ++sequence, nft.FAMILY);
      writer.attribute(nft.NFTA_TABLE, TABLE);
      writer.attribute(nft.NFTA_LIST.SET, nul(set.name));
      const list = writer.open(nft.NFTA_LIST.ELEMENTS);
      let to = from;
      do {
        const row = step.rows[to++] ?? 0;
        putRow(writer, rows, row, set, step.verb, counters.get(row) ?? NO_COUNTER);
        if (alone.has(row)) break;
      } while (to < step.rows.length && writer.at - list < FULL && !alone.has(step.rows[to] ?? 0));
      writer.close(list);
      writer.end(last);
      parts.push({ sequence, step, from, to });
      from = to;
    }
  }
  writer.bytes.writeUInt16LE(writer.bytes.readUInt16LE(last + 6) | NLM_F_ACK, last + 6);
  writer.end(writer.begin(nft.NFNL_MSG_BATCH.END, 0, ++sequence, nft.BATCH));
  return { bytes: writer.bytes.subarray(0, writer.at), parts };
}
