/**
 * Ends the connections that a banned address has already: the sockets of programs on this machine, then conntrack's entries.
 *
 * Sockets come first because they are quick (1 to 2 ms from call to reset), so that a session of an attacker's does not live on for as
 * long as conntrack's table is walked (5 ms when next to nothing is in it, 200 ms with 100,000 entries), and because a socket that
 * is still there while its entry is gone would make a new entry with the next packet that it sends.
 */
import { isSupported } from '../../netlink/message.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { openThreaded } from '../../netlink/threaded-socket.ts';
import type { ConnectionCutter } from '../firewall.ts';
import { conntrackProgram } from './conntrack-program.ts';
import { conntrackSweep } from './conntrack-sweep.ts';
import { oneByOne } from './programs.ts';
import { socketProgram } from './socket-program.ts';
import { socketSweep } from './socket-sweep.ts';
import type { OpenNetlink } from './sweep.ts';
import { sweepingCutter, type SweepingOptions } from './sweeping-cutter.ts';

/** What the cutter works with. */
export interface CutterOptions extends Omit<SweepingOptions, 'sweeps'> {
  /** Undefined: the programs conntrack and ss do the work. */
  readonly native: NativeNetlink | undefined;
  /** Directories in which the programs are looked for, as in PATH. Default: PATH and the system's, asked again on every use. */
  readonly path?: string;
}

/** The cutter of this machine. */
export function connectionCutter({ native, path, ...options }: CutterOptions): ConnectionCutter {
  const { clock } = options;
  if (native !== undefined && isSupported) {
    const open: OpenNetlink = (protocol, signal) => openThreaded(native, protocol, signal);
    return sweepingCutter({ ...options, sweeps: [socketSweep(clock, open), conntrackSweep(clock, open)] });
  }
  const runner = oneByOne(clock, path);
  return sweepingCutter({ ...options, sweeps: [socketProgram(runner), conntrackProgram(runner)] });
}
