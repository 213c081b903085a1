/** Closes the sockets of programs on this machine whose far side is a subject, over netlink, as `ss -K` does. */
import { getSystemErrorName } from 'node:util';
import { familyOf, type Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { MessageWriter } from '../../netlink/message.ts';
import type { ThreadedNetlink } from '../../netlink/threaded-socket.ts';
import { AF_INET, AF_INET6, farSideIn, IPPROTO_TCP, IPPROTO_UDP, NETLINK_SOCK_DIAG, socketOf, socketsRequest, writeDestroy, type DiagSocket } from './socket-messages.ts';
import { subjectMatcher, type SubjectMatcher } from './subject-matcher.ts';
import { codeOf, NOT_ALLOWED, type Died, type OpenNetlink, type Outcome, type Sweep } from './sweep.ts';

const EPERM = 1;
const ENOENT = 2;
const EOPNOTSUPP = 95;
const ESTALE = 116;

const NO_DIAG = 'sockets of banned addresses are not closed because the kernel does not tell of sockets: load its module tcp_diag';
const NO_DESTROY = 'sockets of banned addresses are not closed because this kernel was built without CONFIG_INET_DIAG_DESTROY';

/** Closing one takes the kernel 5 µs and more, with the reset that it sends: so many in a row hold a core for half a millisecond. */
const BATCH = 64;

/** A refusal, or what is as good as one. */
type Refusal = { readonly errno: number; readonly message: string };

/** A sweep of the machine's sockets. */
export function socketSweep(clock: Clock, openNetlink: OpenNetlink): Sweep {
  return {
    async run(subjects, died, signal) {
      let socket: ThreadedNetlink | undefined;
      try {
        const matcher = await subjectMatcher(clock, subjects);
        socket = openNetlink(NETLINK_SOCK_DIAG, signal);
        return await close(socket, subjects, matcher, died, signal);
      } catch (error) {
        if (codeOf(error) === 'EPROTONOSUPPORT') return { kind: 'unavailable', message: NO_DIAG };
        return { kind: 'failed', message: `sockets can’t be looked at by netlink: ${error instanceof Error ? error.message : String(error)}` };
      } finally {
        socket?.close();
      }
    },
  };
}

async function close(netlink: ThreadedNetlink, subjects: readonly Subject[], matcher: SubjectMatcher, died: Died, signal: AbortSignal): Promise<Outcome> {
  const found: DiagSocket[] = [];
  const tcp = await list(netlink, IPPROTO_TCP, subjects, matcher, found);
  if (tcp !== undefined) return refused('be listed', tcp);
  // A kernel without udp_diag still closes those of TCP.
  const udp = await list(netlink, IPPROTO_UDP, subjects, matcher, found);
  let refusal = udp?.errno === ENOENT ? undefined : udp;
  for (let at = 0; at < found.length && !signal.aborted; at += BATCH) {
    refusal = (await destroy(netlink, found.slice(at, at + BATCH), died)) ?? refusal;
  }
  return refusal === undefined ? { kind: 'done' } : refused('be closed', refusal);
}

/** Adds the sockets of one protocol whose far side is a subject. A socket of IPv6 may have one in IPv4. */
async function list(netlink: ThreadedNetlink, protocol: number, subjects: readonly Subject[], matcher: SubjectMatcher, found: DiagSocket[]): Promise<Refusal | undefined> {
  const ipv4 = subjects.filter((subject) => familyOf(subject) === 4);
  let told = false;
  let refusal: Refusal | undefined;
  for (const [family, wanted] of [[AF_INET, ipv4], [AF_INET6, subjects]] as const) {
    if (wanted.length === 0) continue;
    const end = await netlink.dump(socketsRequest(family, protocol, farSideIn(wanted)), (message, bytes) => {
      const socket = socketOf(message, bytes, protocol, matcher);
      if (socket !== undefined) found.push(socket);
    });
    if (end.errno === 0) told = true;
    else refusal = end;
  }
  // A kernel without IPv6 refuses that half, and tells all that there is in the other.
  return refusal?.errno === ENOENT && told ? undefined : refusal;
}

/** Closes some and gives the last refusal that means something. */
async function destroy(netlink: ThreadedNetlink, sockets: readonly DiagSocket[], died: Died): Promise<Refusal | undefined> {
  const requests = new MessageWriter(sockets.length * 72);
  const asked = new Map<number, DiagSocket>();
  for (const socket of sockets) asked.set(writeDestroy(requests, socket), socket);
  let refusal: Refusal | undefined;
  for (const { sequence, errno, message } of await netlink.ask(requests.finish())) {
    const socket = asked.get(sequence);
    if (socket === undefined) continue;
    if (errno === 0) died(socket.subject, [socket.key]);
    // Gone by itself, or already another.
    else if (errno !== ENOENT && errno !== ESTALE) refusal = { errno, message };
  }
  return refusal;
}

/** What a refusal of the kernel's means. */
function refused(what: 'be listed' | 'be closed', { errno, message }: Refusal): Outcome {
  if (errno === EPERM) return { kind: 'unavailable', message: NOT_ALLOWED };
  if (errno === EOPNOTSUPP) return { kind: 'unavailable', message: NO_DESTROY };
  if (errno === ENOENT && what === 'be listed') return { kind: 'unavailable', message: NO_DIAG };
  return { kind: 'failed', message: `sockets would not ${what}: ${message === '' ? getSystemErrorName(-errno) : message}` };
}
