/** The messages of conntrack's netlink (linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_tcp.h) that are sent and read here. */
import type { Family, Subject } from 'banban-shared';
import { eachAttribute, MessageWriter, NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, type Message } from '../../netlink/message.ts';
import type { SubjectMatcher } from './subject-matcher.ts';
import { connectionKey } from './sweep.ts';

/** The protocol of the socket, linux/netlink.h. */
export const NETLINK_NETFILTER = 12;

const NFNL_SUBSYS_CTNETLINK = 1;
const typeOf = (message: number): number => (NFNL_SUBSYS_CTNETLINK << 8) | message;
const CT_NEW = typeOf(0);
const CT_GET = typeOf(1);
const CT_DELETE = typeOf(2);
const CT_GET_STATS = typeOf(5);
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_PROTOINFO = 4;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;
const CTA_STATS_GLOBAL_ENTRIES = 1;
const TCP_CONNTRACK_TIME_WAIT = 7;
const TCP_CONNTRACK_CLOSE = 8;

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const NLA_TYPE_MASK = 0x3fff;
/** struct nfgenmsg: family, version, resource. */
const GENERIC = 4;

const generic = (family: number): Buffer => Buffer.from([family, 0, 0, 0]);

/** An entry of the table that a subject has a part in. */
export interface Entry {
  readonly subject: Subject;
  readonly family: number;
  /** CTA_TUPLE_ORIG, CTA_ZONE and CTA_ID as they came: by them the kernel finds it again. */
  readonly tuple: Buffer;
  readonly zone: Buffer | undefined;
  readonly id: Buffer | undefined;
  /** No packet passes under it any more: a new SYN makes a new entry, which has to pass the rules. */
  readonly isOver: boolean;
  /** As in `Died`. */
  readonly keys: readonly string[];
}

/** Asks how many entries there are. */
export function countRequest(): Buffer {
  const writer = new MessageWriter(64);
  writer.begin(CT_GET_STATS, NLM_F_REQUEST, generic(AF_UNSPEC));
  writer.end();
  return writer.finish();
}

/** The answer to `countRequest`; undefined for anything else. */
export function countIn(message: Message, bytes: Buffer): number | undefined {
  if (message.type !== CT_GET_STATS) return undefined;
  let count: number | undefined;
  eachAttribute(bytes, message.start + GENERIC, message.end, (type, from, to) => {
    if (type === CTA_STATS_GLOBAL_ENTRIES && to - from === 4) count = bytes.readUInt32BE(from);
  });
  return count;
}

/** Asks for the table: one walk, whether for one family or both. */
export function tableRequest(families: ReadonlySet<Family>): Buffer {
  const writer = new MessageWriter(64);
  writer.begin(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, generic(families.size > 1 ? AF_UNSPEC : families.has(4) ? AF_INET : AF_INET6));
  writer.end();
  return writer.finish();
}

/** Writes the request that deletes `entry`. One without a tuple would empty the whole table: an `Entry` always has one. */
export function writeDelete(writer: MessageWriter, entry: Entry): number {
  const sequence = writer.begin(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, generic(entry.family));
  writer.bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, entry.tuple);
  if (entry.zone !== undefined) writer.bytes(CTA_ZONE, entry.zone);
  if (entry.id !== undefined) writer.bytes(CTA_ID, entry.id);
  writer.end();
  return sequence;
}

/** Where the header of the first attribute of this type is, or -1: for every entry of a table, so without a callback. */
function find(bytes: Buffer, start: number, end: number, wanted: number): number {
  for (let at = start; at + 4 <= end; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > end) return -1;
    if ((bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK) === wanted) return at;
    at += (length + 3) & ~3;
  }
  return -1;
}

/** The value of an attribute that is `length` bytes long, by where it begins; -1 when there is none. */
function valueAt(bytes: Buffer, start: number, end: number, wanted: number, length: number): number {
  const at = find(bytes, start, end, wanted);
  return at >= 0 && bytes.readUInt16LE(at) === 4 + length ? at + 4 : -1;
}

/** The entry of a message when a subject opened the connection, or it was opened to one; of two subjects the one that opened it. */
export function entryOf(message: Message, bytes: Buffer, matcher: SubjectMatcher): Entry | undefined {
  if (message.type !== CT_NEW || message.end - message.start < GENERIC) return undefined;
  const family = bytes[message.start];
  const is4 = family === AF_INET;
  if (!is4 && family !== AF_INET6) return undefined;
  const start = message.start + GENERIC;
  const tuple = find(bytes, start, message.end, CTA_TUPLE_ORIG);
  if (tuple < 0) return undefined;
  const tupleEnd = tuple + bytes.readUInt16LE(tuple);
  const ip = find(bytes, tuple + 4, tupleEnd, CTA_TUPLE_IP);
  if (ip < 0) return undefined;
  const ipEnd = ip + bytes.readUInt16LE(ip);
  const size = is4 ? 4 : 16;
  const source = valueAt(bytes, ip + 4, ipEnd, is4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, size);
  const destination = valueAt(bytes, ip + 4, ipEnd, is4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, size);
  if (source < 0 || destination < 0) return undefined;
  const subject = is4
    ? (matcher.ipv4(bytes, source) ?? matcher.ipv4(bytes, destination))
    : (matcher.ipv6(bytes, source) ?? matcher.ipv6(bytes, destination));
  return subject === undefined ? undefined : read(subject, family, bytes, start, message.end);
}

/** A copy of a range: the bytes are used again for the next delivery. */
const copy = (bytes: Buffer, from: number, to: number): Buffer => Buffer.from(bytes.subarray(from, to));

/** Reads an entry that somebody wants; the others are not worth it. */
function read(subject: Subject, family: number, bytes: Buffer, start: number, end: number): Entry {
  let tuple: Buffer = Buffer.alloc(0);
  let zone: Buffer | undefined;
  let id: Buffer | undefined;
  let isOver = false;
  const keys: string[] = [];
  eachAttribute(bytes, start, end, (type, from, to) => {
    if (type === CTA_TUPLE_ORIG || type === CTA_TUPLE_REPLY) {
      // Of a connection that this machine opened, the first says which socket it is of: it is at the source, and the far side is the
      // destination. Of one that was opened to it the reply says so, after whatever NAT.
      const ends = endsOf(bytes, from, to);
      if (ends !== undefined) keys.push(connectionKey(ends.protocol, ends.destination, ends.destinationPort, ends.source, ends.sourcePort));
    }
    switch (type) {
      case CTA_TUPLE_ORIG:
        tuple = copy(bytes, from, to);
        break;
      case CTA_PROTOINFO:
        isOver = isTcpOver(bytes, from, to);
        break;
      case CTA_ZONE:
        zone = copy(bytes, from, to);
        break;
      case CTA_ID:
        id = copy(bytes, from, to);
        break;
    }
  });
  return { subject, family, tuple, zone, id, isOver, keys };
}

function isTcpOver(bytes: Buffer, start: number, end: number): boolean {
  const tcp = find(bytes, start, end, CTA_PROTOINFO_TCP);
  if (tcp < 0) return false;
  const state = bytes[valueAt(bytes, tcp + 4, tcp + bytes.readUInt16LE(tcp), CTA_PROTOINFO_TCP_STATE, 1)];
  return state === TCP_CONNTRACK_TIME_WAIT || state === TCP_CONNTRACK_CLOSE;
}

interface Ends {
  readonly protocol: number;
  readonly source: Buffer;
  readonly sourcePort: Buffer;
  readonly destination: Buffer;
  readonly destinationPort: Buffer;
}

/** Both ends of a tuple; undefined where there are no ports. */
function endsOf(bytes: Buffer, start: number, end: number): Ends | undefined {
  const found = new Map<number, Buffer>();
  eachAttribute(bytes, start, end, (outer, from, to) => {
    if (outer === CTA_TUPLE_IP || outer === CTA_TUPLE_PROTO) eachAttribute(bytes, from, to, (inner, a, b) => found.set((outer << 8) | inner, bytes.subarray(a, b)));
  });
  const of = (outer: number, ...inner: number[]): Buffer | undefined => inner.map((type) => found.get((outer << 8) | type)).find((value) => value !== undefined);
  const protocol = of(CTA_TUPLE_PROTO, CTA_PROTO_NUM)?.[0];
  const source = of(CTA_TUPLE_IP, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  const destination = of(CTA_TUPLE_IP, CTA_IP_V4_DST, CTA_IP_V6_DST);
  const sourcePort = of(CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT);
  const destinationPort = of(CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT);
  if (protocol === undefined || source === undefined || destination === undefined || sourcePort === undefined || destinationPort === undefined) return undefined;
  return { protocol, source, sourcePort, destination, destinationPort };
}
