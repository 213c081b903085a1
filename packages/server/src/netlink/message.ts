/**
 * The form of netlink messages (linux/netlink.h, netlink(7)): a header of 16 bytes, a header of the family's own, attributes.
 * Headers are in the machine's byte order, which is little-endian wherever Node runs on Linux but for s390x and big-endian
 * ppc64; there the native part declines (`isSupported`).
 */
import { endianness } from 'node:os';

/** Set in every request, linux/netlink.h. */
export const NLM_F_REQUEST = 0x1;
/** Asks for an answer where nothing goes wrong, too. */
export const NLM_F_ACK = 0x4;
/** Asks for all that there is. */
export const NLM_F_DUMP = 0x300;
/** A dump during which something changed: it may have missed or doubled an entry. */
export const NLM_F_DUMP_INTR = 0x10;
/** What is there already is an error. */
export const NLM_F_EXCL = 0x200;
/** What is not there is made. */
export const NLM_F_CREATE = 0x400;

/** The type of an answer: an errno, 0 where all went well. */
export const NLMSG_ERROR = 2;
/** The type of the last message of a dump. */
export const NLMSG_DONE = 3;
/** Set in the type of an attribute that holds attributes. */
export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** The bytes of a message's header. */
export const HEADER = 16;

/** Whether this machine's byte order is the one that is written here. */
export const isSupported = endianness() === 'LE';

const align = (length: number): number => (length + 3) & ~3;

/** Writes messages one after the other into a buffer that grows. */
export class MessageWriter {
  private buffer: Buffer;
  private at = 0;
  private message = 0;
  private sequence = 0;

  constructor(size = 4096) {
    this.buffer = Buffer.alloc(size);
  }

  private room(length: number): void {
    if (this.at + length <= this.buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.buffer.length * 2, this.at + length));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.at;
  }

  /** Begins a message and gives its sequence number, by which answers name it. */
  begin(type: number, flags: number, family: Buffer): number {
    this.room(HEADER + align(family.length));
    this.message = this.at;
    const sequence = ++this.sequence;
    this.buffer.writeUInt16LE(type, this.at + 4);
    this.buffer.writeUInt16LE(flags, this.at + 6);
    this.buffer.writeUInt32LE(sequence, this.at + 8);
    this.buffer.writeUInt32LE(0, this.at + 12);
    family.copy(this.buffer, this.at + HEADER);
    this.at += HEADER + align(family.length);
    return sequence;
  }

  /** Ends the message that was begun. */
  end(): void {
    this.buffer.writeUInt32LE(this.at - this.message, this.message);
  }

  bytes(type: number, value: Uint8Array): void {
    const length = 4 + value.length;
    this.room(align(length));
    this.buffer.writeUInt16LE(length, this.at);
    this.buffer.writeUInt16LE(type, this.at + 2);
    this.buffer.set(value, this.at + 4);
    this.buffer.fill(0, this.at + length, this.at + align(length));
    this.at += align(length);
  }

  /** A text with its NUL. */
  text(type: number, value: string): void {
    this.bytes(type, Buffer.from(`${value}\0`, 'utf8'));
  }

  u8(type: number, value: number): void {
    this.bytes(type, Uint8Array.of(value));
  }

  /** In network byte order, as all of netfilter's numbers are. */
  u32be(type: number, value: number): void {
    this.room(8);
    this.buffer.writeUInt16LE(8, this.at);
    this.buffer.writeUInt16LE(type, this.at + 2);
    this.buffer.writeUInt32BE(value >>> 0, this.at + 4);
    this.at += 8;
  }

  u16be(type: number, value: number): void {
    this.bytes(type, Uint8Array.of(value >> 8, value & 0xff));
  }

  u64be(type: number, value: bigint): void {
    this.room(12);
    this.buffer.writeUInt16LE(12, this.at);
    this.buffer.writeUInt16LE(type, this.at + 2);
    this.buffer.writeBigUInt64BE(value, this.at + 4);
    this.at += 12;
  }

  /** An attribute that holds those that `inside` writes; at most 65,535 bytes. */
  nest(type: number, inside: () => void): void {
    this.room(4);
    const start = this.at;
    this.at += 4;
    inside();
    const length = this.at - start;
    if (length > 0xffff) throw new RangeError(`a netlink attribute may have 65535 bytes, and this has ${length}`);
    this.buffer.writeUInt16LE(length, start);
    this.buffer.writeUInt16LE(type | NLA_F_NESTED, start + 2);
  }

  /** All that was written; good until more is. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.at);
  }
}

/** One message as it was received; its bytes are used again for the next delivery. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The socket that asked for what this tells of; 0 for the kernel by itself. */
  readonly port: number;
  /** What follows the header of 16 bytes. */
  readonly start: number;
  readonly end: number;
}

/** Calls back for each whole message of one delivery. */
export function eachMessage(bytes: Buffer, length: number, action: (message: Message) => void): void {
  for (let at = 0; at + HEADER <= length; ) {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER || at + size > length) return;
    action({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      start: at + HEADER,
      end: at + size,
    });
    at += align(size);
  }
}

/** Calls back for each attribute from `start` to `end`: its type, and where its value is. */
export function eachAttribute(bytes: Buffer, start: number, end: number, action: (type: number, from: number, to: number) => void): void {
  for (let at = start; at + 4 <= end; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > end) return;
    action(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, at + 4, at + length);
    at += align(length);
  }
}

/** The attributes of a kind of message that is read seldom, by type. */
export function attributesOf(bytes: Buffer, start: number, end: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  eachAttribute(bytes, start, end, (type, from, to) => found.set(type, bytes.subarray(from, to)));
  return found;
}

/** A text without the NUL behind it. */
export const textOf = (bytes: Buffer): string => bytes.toString('utf8', 0, bytes.at(-1) === 0 ? bytes.length - 1 : bytes.length);
