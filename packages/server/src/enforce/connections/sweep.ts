/** A sweep ends the connections of many subjects in one go; there is one for each of the two places that the kernel keeps them in. */
import type { Subject } from 'banban-shared';
import type { ThreadedNetlink } from '../../netlink/threaded-socket.ts';

/** Subjects whose turn has not come: for the next time. Left out where there are none. */
type Left = ReadonlySet<Subject>;

/** How a sweep went. What died before it failed has been told all the same. */
export type Outcome =
  | { readonly kind: 'done'; readonly left?: Left }
  /** This time; a sentence for the admin. */
  | { readonly kind: 'failed'; readonly message: string; readonly left?: Left }
  /** As long as nothing is changed on this machine; a sentence for the admin. */
  | { readonly kind: 'unavailable'; readonly message: string };

/**
 * Told of each connection that died. `keys` are the names under which the other sweep may know it (`connectionKey`); there is none for
 * a connection without ports.
 */
export type Died = (subject: Subject, keys: readonly string[]) => void;

/** One place where connections are kept, and a way to end them there. */
export interface Sweep {
  /**
   * Ends the connections of all subjects in one pass, or as soon as possible after `signal`. Never rejects. Without a subject it only
   * finds out whether it could.
   */
  run(subjects: readonly Subject[], died: Died, signal: AbortSignal): Promise<Outcome>;
}

/** Opens a socket of a protocol of netlink(7), as `openThreaded` does. */
export type OpenNetlink = (protocol: number, signal: AbortSignal) => ThreadedNetlink;

/** What either sweep over netlink says without CAP_NET_ADMIN: neither will do. */
export const NOT_ALLOWED = 'existing connections of banned addresses can’t be cut because this process may not (it has no CAP_NET_ADMIN): run banband as root';

/** The name of a connection: protocol (IANA's number), then address and port of the far side, then of this one, all as on the wire. */
export const connectionKey = (protocol: number, farAddress: Buffer, farPort: Buffer, nearAddress: Buffer, nearPort: Buffer): string =>
  String.fromCharCode(protocol) + Buffer.concat([farAddress, farPort, nearAddress, nearPort]).toString('latin1');

/** What stands in `code` of an error of a socket; '' where there is none. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');
