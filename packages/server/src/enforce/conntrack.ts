/**
 * Cuts existing connections with the program conntrack (conntrack-tools). Each call walks the kernel's whole table (5 to
 * 20 ms of kernel time, however much it deletes), so: one child at a time, and after a storm of bans one look at the table
 * first, to spend calls only on addresses that have a connection at all.
 */
import { familyOf, ms, type Address, type Family } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { connectionFinder, deletedCount, type Side } from './conntrack-table.ts';
import { exec, findProgram, searchPath, type ExecResult } from './exec.ts';
import type { ConnectionCutter, CutterStats } from './firewall.ts';

/** What the cutter works with; all but the clock may be left out. */
export interface ConntrackOptions {
  readonly clock: Clock;
  /** Told once for each time that the program is found missing, a sentence for the admin. */
  readonly warn?: (message: string) => void;
  /** Directories in which conntrack is looked for, as in PATH. Default: PATH and the system's, asked again on every use. */
  readonly path?: string;
  /** Addresses that may wait; what comes beyond it is counted as dropped. */
  readonly capacity?: number;
}

const PROGRAM = 'conntrack';
const CAPACITY = 10_000;
/** Up to this many are deleted unseen (two calls each); for more a look at the table (one call for each family) pays. */
const FEW = 4;
const DELETE_TIMEOUT = ms(10_000);
/** A table of 262,144 connections prints 50 MB. */
const LIST_TIMEOUT = ms(60_000);

const FAMILY_NAME: Readonly<Record<Family, string>> = { 4: 'ipv4', 6: 'ipv6' };
const SIDE_OPTION: Readonly<Record<Side, string>> = { source: '-s', destination: '-d' };

class ConntrackCutter implements ConnectionCutter {
  private readonly waiting = new Set<Address>();
  /** Seen in the table, to be deleted. */
  private readonly found = new Map<Address, Set<Side>>();
  private readonly abort = new AbortController();
  private worker: Promise<void> | undefined;
  private missing: string | undefined;
  private connections = 0;
  private failed = 0;
  private dropped = 0;
  private lastError: string | undefined;

  constructor(private readonly options: ConntrackOptions) {
    this.look();
  }

  cut(addresses: readonly Address[]): void {
    if (this.abort.signal.aborted || addresses.length === 0) return;
    if (!this.look()) {
      this.fail(this.missing ?? '');
      return;
    }
    const capacity = this.options.capacity ?? CAPACITY;
    for (const address of addresses) {
      if (this.waiting.size + this.found.size < capacity) this.waiting.add(address);
      else if (!this.waiting.has(address)) this.dropped++;
    }
    this.worker ??= this.work();
  }

  stats(): CutterStats {
    return {
      available: this.missing === undefined,
      queued: this.waiting.size + this.found.size,
      cut: this.connections,
      failed: this.failed,
      lastError: this.lastError,
      dropped: this.dropped,
    };
  }

  async stop(): Promise<void> {
    this.abort.abort();
    this.waiting.clear();
    this.found.clear();
    await this.worker;
  }

  /** Whether the program is there; says so once when it is not. */
  private look(): boolean {
    const path = this.options.path ?? searchPath();
    const was = this.missing;
    this.missing =
      findProgram(PROGRAM, path) === undefined
        ? `existing connections of banned addresses can't be cut because the program ${PROGRAM} is not installed (looked in ${path}): install conntrack-tools (Debian: conntrack)`
        : undefined;
    if (this.missing !== undefined && was === undefined) this.options.warn?.(this.missing);
    return this.missing === undefined;
  }

  private async work(): Promise<void> {
    // Addresses of one turn of the loop come one by one; by the next it is known whether they are a storm.
    await new Promise<void>((resolve) => this.options.clock.soon(resolve));
    while (this.waiting.size > 0 || this.found.size > 0) {
      // Turn about: a single ban does not wait for what a storm left behind, nor the other way round.
      if (this.waiting.size > FEW) await this.sift();
      else await this.deleteUnseen();
      await this.deleteFound();
    }
    // In the same turn as the test above: what comes after it starts the next worker.
    this.worker = undefined;
  }

  /** One look at the table for everything that waits. */
  private async sift(): Promise<void> {
    const wanted = new Set(this.waiting);
    this.waiting.clear();
    const families = new Set([...wanted].map(familyOf));
    const finder = (): ((chunk: Buffer) => void) =>
      connectionFinder(wanted, (address, side) => {
        const sides = this.found.get(address);
        if (sides === undefined) this.found.set(address, new Set([side]));
        else sides.add(side);
      });
    for (const family of families) {
      const result = await this.run(['-L', '-f', FAMILY_NAME[family]], LIST_TIMEOUT, finder());
      // What was seen before it failed is still cut.
      if (result.kind !== 'ended') this.failedBy(result);
      else if (result.code !== 0) this.fail(describe('-L', result));
    }
  }

  private async deleteUnseen(): Promise<void> {
    const [address] = this.waiting;
    if (address === undefined) return;
    this.waiting.delete(address);
    await this.delete(address, 'source');
    await this.delete(address, 'destination');
  }

  private async deleteFound(): Promise<void> {
    const [entry] = this.found;
    if (entry === undefined) return;
    const [address, sides] = entry;
    this.found.delete(address);
    for (const side of sides) await this.delete(address, side);
  }

  private async delete(address: Address, side: Side): Promise<void> {
    // The deleted entries are printed too; nobody reads them.
    const result = await this.run(['-D', '-f', FAMILY_NAME[familyOf(address)], SIDE_OPTION[side], address], DELETE_TIMEOUT, () => undefined);
    if (result.kind !== 'ended') return this.failedBy(result);
    const count = deletedCount(result.stderr);
    // Exit 1 with a count of 0: there was nothing to delete.
    if (count === undefined || (result.code !== 0 && count > 0)) this.fail(describe(`-D ${SIDE_OPTION[side]} ${address}`, result));
    this.connections += count ?? 0;
  }

  private run(args: readonly string[], timeout: typeof DELETE_TIMEOUT, onStdout: (chunk: Buffer) => void): Promise<ExecResult> {
    const { clock, path } = this.options;
    return exec(PROGRAM, args, { clock, timeout, onStdout, signal: this.abort.signal, ...(path === undefined ? {} : { path }) });
  }

  private failedBy(result: Exclude<ExecResult, { readonly kind: 'ended' }>): void {
    if (result.kind === 'stopped') return;
    if (result.kind === 'missing') this.look();
    this.fail(result.message);
  }

  private fail(message: string): void {
    this.failed++;
    this.lastError = message;
  }
}

/** Why a call failed, in conntrack's own words, cut to a length that fits a status line. */
function describe(what: string, result: Extract<ExecResult, { readonly kind: 'ended' }>): string {
  const how = result.signal === undefined ? `exit ${result.code}` : result.signal;
  const words = result.stderr.replace(/[^\x20-\x7e]+/g, ' ').trim().slice(0, 200);
  return `${PROGRAM} ${what} failed (${how}): ${words === '' ? 'no message' : words}`;
}

/** A cutter that has looked for its program already: `stats().available` holds from the start. */
export function conntrack(options: ConntrackOptions): ConnectionCutter {
  return new ConntrackCutter(options);
}
