/** The messages of sock_diag (linux/sock_diag.h, linux/inet_diag.h) that tell of sockets and close them. */
import { addressBytes, familyOf, networkOf, type Subject } from 'banban-shared';
import { MessageWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, type Message } from '../../netlink/message.ts';
import type { SubjectMatcher } from './subject-matcher.ts';
import { connectionKey } from './sweep.ts';

/** The protocol of the socket, linux/netlink.h. */
export const NETLINK_SOCK_DIAG = 4;

const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const INET_DIAG_REQ_BYTECODE = 1;
const INET_DIAG_BC_JMP = 1;
const INET_DIAG_BC_D_COND = 8;

/** linux/socket.h. */
export const AF_INET = 2;
/** As above. */
export const AF_INET6 = 10;
/** linux/in.h. */
export const IPPROTO_TCP = 6;
/** As above. */
export const IPPROTO_UDP = 17;

/** net/tcp_states.h, as bits: all of TCP but TIME_WAIT (6), CLOSE (7) and LISTEN (10); a UDP socket with a far side is ESTABLISHED. */
const STATES: Readonly<Record<number, number>> = { [IPPROTO_TCP]: 0xb3e, [IPPROTO_UDP]: 0x2 };

/** struct inet_diag_req_v2: family, protocol, extensions, padding, states, struct inet_diag_sockid. */
const REQUEST = 56;
/** struct inet_diag_sockid: ports, addresses, interface, cookie. In struct inet_diag_msg it comes after four bytes, in a request after eight. */
const ID = 48;

/** A socket whose far side is a subject. */
export interface DiagSocket {
  readonly subject: Subject;
  readonly family: number;
  readonly protocol: number;
  /** struct inet_diag_sockid as it came: by it the kernel finds it again. */
  readonly id: Buffer;
  /** As in `Died`. */
  readonly key: string;
}

function request(family: number, protocol: number, states: number, id?: Buffer): Buffer {
  const bytes = Buffer.alloc(REQUEST);
  bytes[0] = family;
  bytes[1] = protocol;
  bytes.writeUInt32LE(states, 4);
  id?.copy(bytes, 8);
  return bytes;
}

/** Asks for the sockets of one family and protocol that have a far side; `condition` is of `farSideIn`. */
export function socketsRequest(family: number, protocol: number, condition: Buffer | undefined): Buffer {
  const writer = new MessageWriter(1024);
  writer.begin(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, request(family, protocol, STATES[protocol] ?? 0));
  if (condition !== undefined) writer.bytes(INET_DIAG_REQ_BYTECODE, condition);
  writer.end();
  return writer.finish();
}

/** Writes the request that closes a socket. */
export function writeDestroy(writer: MessageWriter, socket: DiagSocket): number {
  const sequence = writer.begin(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, request(socket.family, socket.protocol, 0, socket.id));
  writer.end();
  return sequence;
}

/** Whether 16 bytes are an IPv4 address: what a socket of both families has for a far side in IPv4. */
const isMapped = (bytes: Buffer, at: number): boolean => bytes.readUInt32BE(at) === 0 && bytes.readUInt32BE(at + 4) === 0 && bytes.readUInt32BE(at + 8) === 0xffff;

/** The socket that a message of a dump tells of, when its far side is a subject. */
export function socketOf(message: Message, bytes: Buffer, protocol: number, matcher: SubjectMatcher): DiagSocket | undefined {
  if (message.type !== SOCK_DIAG_BY_FAMILY || message.end - message.start < 4 + ID) return undefined;
  const family = bytes[message.start];
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const id = message.start + 4;
  const near = id + 4;
  const far = id + 20;
  const mapped = family === AF_INET6 && isMapped(bytes, far);
  const subject = family === AF_INET ? matcher.ipv4(bytes, far) : mapped ? matcher.ipv4(bytes, far + 12) : matcher.ipv6(bytes, far);
  if (subject === undefined) return undefined;
  const [skip, size] = family === AF_INET ? [0, 4] : mapped ? [12, 4] : [0, 16];
  const part = (at: number, length: number): Buffer => bytes.subarray(at, at + length);
  return {
    subject,
    family,
    protocol,
    id: Buffer.from(part(id, ID)),
    key: connectionKey(protocol, part(far + skip, size), part(id + 2, 2), part(near + skip, size), part(id, 2)),
  };
}

/** Each is tried on each socket: with more of them it is cheaper to be told of all sockets. */
const MOST_CONDITIONS = 32;

/**
 * A condition that the kernel tells sockets apart by (INET_DIAG_BC_D_COND): those with a far side in one of the subjects, and some
 * that are in none. It saves four fifths of the time where there are many sockets.
 *
 * @returns undefined where there are too many subjects: all sockets then
 */
export function farSideIn(subjects: readonly Subject[]): Buffer | undefined {
  if (subjects.length > MOST_CONDITIONS) return undefined;
  const conditions = subjects.map((subject) => {
    const { address, bits } = networkOf(subject);
    const bytes = addressBytes(address);
    // struct inet_diag_bc_op (code, step if it holds, step if not), struct inet_diag_hostcond (family, length, port or -1, address).
    const condition = Buffer.alloc(12 + bytes.length);
    condition[0] = INET_DIAG_BC_D_COND;
    condition[1] = condition.length;
    // Over the jump to the next one; behind the last one that is more than the end, which means no.
    condition.writeUInt16LE(condition.length + 4, 2);
    condition[4] = familyOf(address) === 4 ? AF_INET : AF_INET6;
    condition[5] = bits;
    condition.writeInt32LE(-1, 8);
    condition.set(bytes, 12);
    return condition;
  });
  let length = conditions.reduce((sum, condition) => sum + condition.length + 4, -4);
  const parts: Buffer[] = [];
  for (const [i, condition] of conditions.entries()) {
    parts.push(condition);
    length -= condition.length;
    if (i === conditions.length - 1) break;
    // To the very end, which means yes.
    const jump = Buffer.from([INET_DIAG_BC_JMP, 4, 0, 0]);
    jump.writeUInt16LE(length, 2);
    parts.push(jump);
    length -= 4;
  }
  return Buffer.concat(parts);
}
