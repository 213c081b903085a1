/**
 * The two places where a kernel keeps connections, in memory, behind netlink as the sweeps speak it: conntrack's table and the sockets.
 * Messages are written and read here byte by byte from the kernel's headers, so that both sides are not wrong in the same way.
 */
import { addressBytes, familyOf, type Address } from 'banban-shared';
import { eachAttribute, eachMessage, MessageWriter, NLM_F_DUMP, type Message } from '../../packages/server/src/netlink/message.ts';
import type { OpenNetlink } from '../../packages/server/src/enforce/connections/sweep.ts';

/** One end of a connection. */
export type End = readonly [Address, number];

/** An entry of conntrack's table. */
export interface FakeEntry {
  readonly protocol: number;
  readonly from: End;
  readonly to: End;
  /** The reply's source and destination where there is NAT; else those of the packet that made the entry, the other way round. */
  readonly reply?: readonly [End, End];
  /** TCP's state as conntrack numbers it; default 3, ESTABLISHED. */
  state?: number;
  readonly zone?: number;
}

/** A socket with a far side. `mapped`: one of IPv6 with an IPv4 connection. */
export interface FakeSocket {
  readonly protocol: number;
  readonly near: End;
  readonly far: End;
  readonly mapped?: boolean;
}

/** `refuse` answers for a request of this type, before it is looked at: 0 to let it pass. */
export interface FakeConnections {
  readonly entries: Set<FakeEntry>;
  readonly sockets: Set<FakeSocket>;
  readonly open: OpenNetlink;
  /** Dumps of the table and of the sockets, and sockets that are open. */
  readonly counts: { table: number; sockets: number; open: number };
}

const CONNTRACK = 12;
const CT = { new: 0x100, get: 0x101, delete: 0x102, stats: 0x105 } as const;
const DIAG = { list: 20, destroy: 21 } as const;
const PIECE = 7;

const bytesOf = (address: Address): Buffer => Buffer.from(addressBytes(address));
const port = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

/** A delivery with one message: type and what is behind the header. */
function delivery(type: number, body: Buffer): { readonly message: Message; readonly bytes: Buffer } {
  // Not at the beginning of the buffer, as most messages of a delivery are not.
  const start = 32;
  return { message: { type, flags: 2, sequence: 1, port: 0, start, end: start + body.length }, bytes: Buffer.concat([Buffer.alloc(start, 0xee), body, Buffer.alloc(16, 0xdd)]) };
}

function writeTuple(writer: MessageWriter, type: number, protocol: number, [from, fromPort]: End, [to, toPort]: End): void {
  const [source, destination] = familyOf(from) === 4 ? [1, 2] : [3, 4];
  writer.nest(type, () => {
    writer.nest(1, () => {
      writer.bytes(source, bytesOf(from));
      writer.bytes(destination, bytesOf(to));
    });
    writer.nest(2, () => {
      writer.u8(1, protocol);
      if (protocol === 1) {
        writer.u16be(4, 5);
        writer.u8(5, 8);
        writer.u8(6, 0);
      } else {
        writer.u16be(2, fromPort);
        writer.u16be(3, toPort);
      }
    });
  });
}

/** The message by which the kernel tells of an entry (ctnetlink_fill_info); `id` is its CTA_ID. */
export function entryMessage(entry: FakeEntry, id: number): { readonly message: Message; readonly bytes: Buffer } {
  const writer = new MessageWriter(512);
  const family = familyOf(entry.from[0]) === 4 ? 2 : 10;
  writer.begin(CT.new, 2, Buffer.from([family, 0, 0, 0]));
  writeTuple(writer, 1, entry.protocol, entry.from, entry.to);
  writeTuple(writer, 2, entry.protocol, ...(entry.reply ?? [entry.to, entry.from]));
  if (entry.zone !== undefined) writer.u16be(18, entry.zone);
  writer.u32be(3, 0x18e);
  writer.u32be(7, 600);
  if (entry.protocol === 6) writer.nest(4, () => writer.nest(1, () => {
    writer.u8(1, entry.state ?? 3);
    writer.u8(2, 7);
  }));
  writer.u32be(12, id);
  writer.u32be(11, 1);
  writer.end();
  return delivery(CT.new, writer.finish().subarray(16));
}

const inSix = (address: Address): Buffer => {
  const bytes = bytesOf(address);
  return bytes.length === 16 ? bytes : Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), bytes]);
};
const familyOfSocket = (socket: FakeSocket): number => (familyOf(socket.far[0]) === 6 || socket.mapped === true ? 10 : 2);

function idOf(socket: FakeSocket, cookie: number): Buffer {
  const id = Buffer.alloc(48);
  const put = (address: Address, at: number): void => void (familyOfSocket(socket) === 10 ? inSix(address) : bytesOf(address)).copy(id, at);
  port(socket.near[1]).copy(id, 0);
  port(socket.far[1]).copy(id, 2);
  put(socket.near[0], 4);
  put(socket.far[0], 20);
  id.writeUInt32LE(cookie, 40);
  return id;
}

/** The message by which the kernel tells of a socket (struct inet_diag_msg). */
export function socketMessage(socket: FakeSocket, cookie: number): { readonly message: Message; readonly bytes: Buffer } {
  return delivery(DIAG.list, Buffer.concat([Buffer.from([familyOfSocket(socket), 1, 0, 0]), idOf(socket, cookie), Buffer.alloc(20)]));
}

/** inet_diag_bc_run of net/ipv4/inet_diag.c, for conditions on the far side and jumps. @throws where inet_diag_bc_audit refuses it */
export function conditionHolds(code: Buffer, socket: FakeSocket): boolean {
  const far = familyOfSocket(socket) === 10 ? inSix(socket.far[0]) : bytesOf(socket.far[0]);
  const matches = (address: Buffer, wanted: Buffer, bits: number): boolean => {
    const text = (bytes: Buffer): string => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('').slice(0, bits);
    return text(address) === text(wanted);
  };
  let left = code.length;
  while (left > 0) {
    const at = code.length - left;
    let yes = code[at + 1] ?? 0;
    const no = code.readUInt16LE(at + 2);
    if (yes < 4 || yes % 4 !== 0 || no < 4 || no % 4 !== 0 || yes > left + 4 || no > left + 4) throw new Error('the kernel would refuse this');
    if (code[at] === 1) yes = 0;
    else if (code[at] === 8) {
      const family = code[at + 4];
      const bits = code[at + 5] ?? 0;
      const wanted = code.subarray(at + 12, at + (family === 2 ? 16 : 28));
      const isMapped = far.length === 16 && far.subarray(0, 12).equals(inSix('0.0.0.0' as Address).subarray(0, 12));
      const sameFamily = far.length === (family === 2 ? 4 : 16);
      const holds = sameFamily ? matches(far, wanted, bits) : family === 2 && isMapped && matches(far.subarray(12), wanted, bits);
      if (!holds) yes = 0;
    } else throw new Error('an operation that is not known here');
    left -= yes === 0 ? no : yes;
  }
  return left === 0;
}

export function fakeConnections(
  entries: Iterable<FakeEntry> = [],
  sockets: Iterable<FakeSocket> = [],
  refuse: (protocol: number, type: number) => number = () => 0,
): FakeConnections {
  const ids = new Map<object, number>();
  const idNumber = (one: object): number => ids.get(one) ?? (ids.set(one, ids.size + 1000), ids.size + 999);
  const fake: FakeConnections = {
    entries: new Set(entries),
    sockets: new Set(sockets),
    counts: { table: 0, sockets: 0, open: 0 },
    open: (protocol) => {
      fake.counts.open++;
      return {
        close: () => void fake.counts.open--,
        async ask(messages, other) {
          await Promise.resolve();
          const answers: { sequence: number; errno: number; message: string }[] = [];
          eachMessage(messages, messages.length, ({ type, sequence, start, end }) => {
            const answer = (errno: number): void => void answers.push({ sequence, errno, message: '' });
            const errno = refuse(protocol, type);
            if (errno !== 0) return answer(errno);
            if (protocol === CONNTRACK && type === CT.stats) {
              const body = Buffer.alloc(12);
              body.writeUInt16LE(8, 4);
              body.writeUInt16LE(1, 6);
              body.writeUInt32BE(fake.entries.size, 8);
              const { message, bytes } = delivery(CT.stats, body);
              other?.(message, bytes);
            } else if (protocol === CONNTRACK && type === CT.delete) answer(deleteEntry(messages, start, end));
            else if (type === DIAG.destroy) answer(destroySocket(messages.subarray(start, end)));
            else answer(95);
          });
          return answers;
        },
        async dump(request, action, between) {
          const type = request.readUInt16LE(4);
          if ((request.readUInt16LE(6) & NLM_F_DUMP) !== NLM_F_DUMP) throw new Error('a dump without its flag');
          const errno = refuse(protocol, type);
          if (errno !== 0) return { errno, message: '', interrupted: false };
          const all = protocol === CONNTRACK ? listEntries(request[16] ?? 0) : listSockets(request);
          for (const [i, { message, bytes }] of all.entries()) {
            action(message, bytes);
            // What was given must not be looked at later: the next delivery is in the same place.
            bytes.fill(0xaa);
            if (i % PIECE === PIECE - 1) await between?.();
          }
          await between?.();
          return { errno: 0, message: '', interrupted: false };
        },
      };
    },
  };

  function listEntries(family: number): ReturnType<typeof entryMessage>[] {
    fake.counts.table++;
    return [...fake.entries].filter(({ from }) => family === 0 || family === (familyOf(from[0]) === 4 ? 2 : 10)).map((entry) => entryMessage(entry, idNumber(entry)));
  }

  function listSockets(request: Buffer): ReturnType<typeof socketMessage>[] {
    fake.counts.sockets++;
    let code: Buffer | undefined;
    eachAttribute(request, 16 + 56, request.length, (type, from, to) => {
      if (type === 1) code = request.subarray(from, to);
    });
    const [family, protocol] = [request[16], request[17]];
    return [...fake.sockets]
      .filter((socket) => familyOfSocket(socket) === family && socket.protocol === protocol && (code === undefined || conditionHolds(code, socket)))
      .map((socket) => socketMessage(socket, idNumber(socket)));
  }

  function deleteEntry(bytes: Buffer, start: number, end: number): number {
    const asked = new Map<number, string>();
    eachAttribute(bytes, start + 4, end, (type, from, to) => asked.set(type, bytes.toString('hex', from, to)));
    if (!asked.has(1)) throw new Error('this would empty the table');
    for (const entry of fake.entries) {
      const its = new Map<number, string>();
      const { message, bytes: own } = entryMessage(entry, idNumber(entry));
      if (own[message.start] !== bytes[start]) continue;
      eachAttribute(own, message.start + 4, message.end, (type, from, to) => its.set(type, own.toString('hex', from, to)));
      if ([1, 18, 12].some((type) => its.get(type) !== asked.get(type))) continue;
      fake.entries.delete(entry);
      return 0;
    }
    return 2;
  }

  /** As the kernel does it: the reset that goes out closes the entry in conntrack's table. */
  function destroySocket(request: Buffer): number {
    for (const socket of fake.sockets) {
      if (request[0] !== familyOfSocket(socket) || request[1] !== socket.protocol || !request.subarray(8, 56).equals(idOf(socket, idNumber(socket)))) continue;
      fake.sockets.delete(socket);
      return 0;
    }
    return 2;
  }

  return fake;
}
