/**
 * The native part: netlink sockets, for which Node has no call (packages/server/native/netlink.cc). It need not be there: a
 * machine without a compiler drives the kernel by programs.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What netlink.cc exports. Every function throws an Error whose `code` is the errno's name. */
export interface NativeNetlink {
  /** A new socket of a protocol of netlink(7), by its descriptor. */
  open(protocol: number): number;
  /** The number by which the kernel knows the socket. */
  port(descriptor: number): number;
  /** Messages that the kernel sends to this group arrive here, too. */
  join(descriptor: number, group: number): void;
  send(descriptor: number, bytes: Buffer): void;
  /** The length of one delivery; 0 when none came within `timeoutMs`, during which everything stands still. */
  receive(descriptor: number, into: Buffer, timeoutMs: number): number;
  /** Calls back whenever something is there to be read; the process may end all the same. */
  watch(descriptor: number, callback: () => void): unknown;
  unwatch(handle: unknown): void;
  close(descriptor: number): void;
}

/** Where it is, from a bundle in dist/ as from a source file. */
const BUILT = 'native/build/Release/netlink.node';

function find(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, BUILT);
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

let loaded: { readonly native: NativeNetlink | undefined; readonly why: string | undefined } | undefined;

/**
 * The native part, or why there is none. `BANBAN_NATIVE=off` in the environment leaves it out, for a machine on which it
 * makes trouble.
 */
export function nativeNetlink(): { readonly native: NativeNetlink | undefined; readonly why: string | undefined } {
  if (process.env['BANBAN_NATIVE'] === 'off') return { native: undefined, why: 'BANBAN_NATIVE=off is set' };
  if (loaded !== undefined) return loaded;
  const file = find();
  if (file === undefined) return (loaded = { native: undefined, why: 'it was not built when banban was installed' });
  try {
    // Only what netlink.cc exports can stand in the file that it was built into.
    return (loaded = { native: createRequire(import.meta.url)(file) as NativeNetlink, why: undefined });
  } catch (error) {
    return (loaded = { native: undefined, why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) });
  }
}
