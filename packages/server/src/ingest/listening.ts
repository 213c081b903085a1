/** What the two network sources have in common: where they listen, and what is in the way of it, in sentences for the admin. */
import { isIP } from 'node:net';
import type { Prefix } from 'banban-shared';
import type { Source } from './source.ts';

/** Where is listened and who may send. */
export interface SyslogOptions {
  /** An address of this machine, `0.0.0.0` or `::`; never a name. */
  readonly host: string;
  /** 0: one that is free, for tests. */
  readonly port: number;
  /** Source addresses; nobody else is heard. */
  readonly allow: readonly Prefix[];
}

/** A source that listens on a port. */
export interface ListeningSource extends Source {
  /** What it is bound to; undefined before the start and after the stop. */
  port(): number | undefined;
}

/** Longer records are cut: twice as long as anything that syslog daemons send unless told to. */
export const LONGEST_RECORD = 65_536;

const REASONS: { readonly [code: string]: string } = {
  EADDRINUSE: 'another program listens there; stop that one, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address (yet); choose one that `ip address` shows, or 0.0.0.0 or :: for all',
  EACCES: 'this user may not listen there; run banband as root, or choose a port above 1023',
};

/** `192.0.2.1:514`, `[2001:db8::1]:514`. */
export const placeOf = ({ host, port }: SyslogOptions): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** The error to throw where it can't be listened. */
export function listenError(transport: string, options: SyslogOptions, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return new Error(`can't receive syslog by ${transport} on ${placeOf(options)}: ${REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause))}`, { cause });
}

/** @throws a sentence for what would be looked up as a name */
export function checkHost(transport: string, options: SyslogOptions): void {
  if (isIP(options.host) === 0) throw listenError(transport, options, new Error('it has to be an address, not a name'));
}
