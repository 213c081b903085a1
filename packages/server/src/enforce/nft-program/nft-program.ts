/**
 * The sets of nftables by the program nft: the plain way, for where the native part can't be had. A change is one `nft -f -`, but
 * for networks. Tried with nft 1.0.6 on Linux 6.18:
 *
 * - A transaction that deletes takes 16 ms instead of 2: at its end nft waits until no packet can see what is gone.
 * - nft looks for overlaps in the set as it was before the transaction, so a wide network can't take the place of a narrow
 *   one in one: what goes is a transaction of its own then, some milliseconds before what comes.
 * - Deleting n networks of a set with m costs it n · m · 0.2 µs, so they are deleted in parts.
 */
import { ms, type Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import { exec, type ExecOptions, type ExecResult } from '../exec.ts';
import type { Hits, KernelList, ListChange, ListFailures } from '../firewall.ts';
import { NFT_TABLE } from '../names.ts';
import { NO_TABLE, noSet } from '../nftables/refusal.ts';
import { FOR_EVER, timeoutOf } from '../nftables/rows.ts';
import { isOfNetworks, setsOf, type ElementSet } from '../nftables/sets.ts';
import { printedRow, subjectOfRow } from '../printed-row.ts';
import { queuedList, type Found, type ListDriver, type QueueOptions } from '../queued-list.ts';
import { complaintsIn, firstComplaint, saysForbidden, saysMissing, saysOverlap } from './complaints.ts';
import { NOTHING_MET, printedElement, printedSet } from './element.ts';
import { listingReader } from './listing.ts';
import { composeScript, TABLE_COLUMNS, type Item, type Script } from './script.ts';

/** What the driver works with. */
export interface NftProgramOptions {
  readonly clock: Clock;
  /** As in `ExecOptions`. */
  readonly path?: string;
  /** A program that has not ended by then is killed; default 30 s, of which 10,000 rows take a fifth of one. */
  readonly timeout?: ExecOptions['timeout'];
}

const PROGRAM = 'nft';
const TIMEOUT = ms(30_000);
/** Six sets of 100,000. */
const MOST_OUTPUT = 64 * 1024 * 1024;
/** Elements in a line: nft reads long lines quicker than many. */
const WIDE = 1000;
/** So often a change is sent again without those of its rows that nft refused. */
const MOST_TRIES = 8;
/** Networks deleted in one transaction: 4 s in a set of 20,000. */
const MOST_DELETED = 1000;

const NOT_CANONICAL = 'it is not an address in canonical form; this is a fault in banban';
const TRIED_AGAIN = 'nft refused others of the same change; it is tried again';

/** Why nft did nothing at all; undefined when it did all. */
function wholeReason(result: ExecResult): string | undefined {
  if (result.kind === 'missing') return `${result.message}: install nftables`;
  if (result.kind !== 'ended') return result.message;
  if (result.code === 0) return undefined;
  const words = firstComplaint(result.stderr);
  if (saysForbidden(words)) return 'nft may not change nf_tables: run banband as root (it needs CAP_NET_ADMIN)';
  return `nft failed (${result.code ?? result.signal ?? ''})${words === '' ? '' : `: ${words}`}`;
}

/** Which rows are out after a refusal, and why; undefined as a reason where the row is gone, as it should be. */
type Blame = Map<Item, string | undefined>;

/** The rows that nft named; none when it named none that is in the script. */
function blame(stderr: string, { lines }: Script, items: readonly Item[], sets: readonly ElementSet[]): Blame {
  const blamed: Blame = new Map();
  for (const { line, column, message } of complaintsIn(stderr)) {
    const rows = lines[line - 1];
    const first = rows?.[0];
    if (rows === undefined || first === undefined) continue;
    const name = sets[first.set]?.name ?? '';
    if (saysMissing(message)) {
      // Of a set that is not there no row can be written, and every row that has to go is gone.
      const isTable = TABLE_COLUMNS.includes(column);
      for (const item of items) if (isTable || item.set === first.set) blamed.set(item, item.seconds === undefined ? undefined : isTable ? NO_TABLE : noSet(name));
      continue;
    }
    if (rows.length > 1) continue;
    if (!saysOverlap(message)) blamed.set(first, `nft did not write it to the set ${name} (${message})`);
    // What overlaps another network is not in the set.
    else blamed.set(first, first.seconds === undefined ? undefined : `it overlaps a network that is in the set ${name} already`);
  }
  return blamed;
}

/** Transactions one after the other: what is deleted from networks in parts, and before any is added. */
function transactions(items: readonly Item[]): readonly (readonly Item[])[] {
  const parts = (of: readonly Item[]): Item[][] => {
    const found: Item[][] = [[]];
    let deleted = 0;
    for (const item of of) {
      if (isOfNetworks(item.set) && item.mayBeThere && ++deleted > MOST_DELETED) {
        found.push([]);
        deleted = 1;
      }
      found.at(-1)?.push(item);
    }
    return found;
  };
  if (!items.some(({ set, seconds }) => isOfNetworks(set) && seconds === undefined)) return parts(items);
  const isLate = ({ set, seconds }: Item): boolean => isOfNetworks(set) && seconds !== undefined;
  return [...parts(items.filter((item) => !isLate(item))), ...parts(items.filter(isLate))].filter((part) => part.length > 0);
}

/** The driver of a target's sets. */
export function nftProgramDriver(target: TargetConfig, { clock, path, timeout = TIMEOUT }: NftProgramOptions): ListDriver {
  const sets = setsOf(target);
  /** What is in the sets as far as is known, with what it met; undefined before the first look. */
  let known: Map<Subject, Hits> | undefined;
  const common = { clock, timeout, ...(path !== undefined && { path }) };

  /** Reads one set into `met`; what is wrong, or the set's size. */
  async function readSet(number: number, set: ElementSet, met: Map<Subject, Hits>, signal: AbortSignal): Promise<Found | { readonly state: 'read'; readonly size: number | undefined }> {
    const failed = (message: string): Found => ({ state: 'failed', message });
    const reader = listingReader((value) => {
      const element = printedElement(value);
      const subject = element && subjectOfRow(element.text, number, target.ipv6Prefix);
      if (element !== undefined && subject !== undefined) met.set(subject, element.hits);
    });
    const enough = new AbortController();
    let length = 0;
    const onStdout = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= MOST_OUTPUT) reader.feed(chunk);
      else enough.abort();
    };
    const result = await exec(PROGRAM, ['-j', 'list', 'set', 'inet', NFT_TABLE, set.name], { ...common, signal: AbortSignal.any([signal, enough.signal]), onStdout });
    if (enough.signal.aborted) return failed(`nft printed more than 64 MiB of the set ${set.name}, which banban does not read`);
    if (result.kind === 'ended' && result.code !== 0 && saysMissing(result.stderr)) {
      // Under the command it marks the word that it does not know.
      const mark = /^( *)\^/m.exec(result.stderr)?.[1]?.length;
      return { state: 'missing', message: mark === 'list set inet '.length ? NO_TABLE : noSet(set.name) };
    }
    const reason = wholeReason(result);
    if (reason !== undefined) return failed(reason);
    const found = printedSet(reader.end(), set);
    if (found === undefined) return failed(`what nft printed is not its list of the set ${set.name}`);
    if (found.fault === undefined) return { state: 'read', size: found.size };
    return failed(`the set ${set.name} ${found.fault}, so banban can't use it: take the table away with "nft delete table inet ${NFT_TABLE}", and "banctl firewall install" makes it anew`);
  }

  /** One transaction, again without what nft refuses; what failed goes into `failures`. */
  async function transact(all: readonly Item[], failures: Map<Subject, string>, signal: AbortSignal): Promise<void> {
    const failAll = (items: readonly Item[], reason: string): void => items.forEach(({ subject }) => failures.set(subject, reason));
    let items = all;
    let width = WIDE;
    for (let tries = 0; items.length > 0; tries++) {
      if (tries === MOST_TRIES) return failAll(items, TRIED_AGAIN);
      const script = composeScript(items, sets, width);
      const result = await exec(PROGRAM, ['-f', '-'], { ...common, signal, input: script.text });
      const reason = wholeReason(result);
      if (reason === undefined) {
        for (const { subject, seconds } of items) {
          if (seconds === undefined) known?.delete(subject);
          else known?.set(subject, NOTHING_MET);
        }
        return;
      }
      const blamed: Blame = result.kind === 'ended' ? blame(result.stderr, script, items, sets) : new Map();
      // Which row of a line it was can be seen when each has its own.
      if (blamed.size === 0 && (width === 1 || items.length === 1 || result.kind !== 'ended' || complaintsIn(result.stderr).length === 0)) return failAll(items, reason);
      if (blamed.size === 0) width = 1;
      for (const [{ subject }, why] of blamed) {
        if (why === undefined) known?.delete(subject);
        else failures.set(subject, why);
      }
      items = items.filter((item) => !blamed.has(item));
    }
  }

  return {
    backend: 'nftables',
    canRead: true,
    refuses: () => undefined,

    async read(signal): Promise<Found> {
      const met = new Map<Subject, Hits>();
      const sizes: (number | undefined)[] = [];
      for (const [number, set] of sets.entries()) {
        const found = await readSet(number, set, met, signal);
        if (found.state !== 'read') return found;
        sizes.push(found.size);
      }
      known = met;
      const capacity = sizes.reduce<number | undefined>((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
      return { state: 'present', subjects: new Set(met.keys()), capacity };
    },

    async write({ remove, add }: ListChange, signal): Promise<ListFailures> {
      const failures = new Map<Subject, string>();
      const items: Item[] = [];
      const take = (subject: Subject, seconds: number | undefined): void => {
        const row = printedRow(subject, target.ipv6Prefix);
        if (row === undefined) failures.set(subject, NOT_CANONICAL);
        // Deleting is dear, so the new are told from the old.
        else items.push({ ...row, subject, seconds, mayBeThere: seconds === undefined || (known?.has(subject) ?? true) });
      };
      const now = clock.now();
      for (const subject of remove) take(subject, undefined);
      for (const { subject, until } of add) {
        const timeout = timeoutOf(until, now);
        take(subject, timeout === FOR_EVER ? 0 : Math.ceil(timeout / 1000));
      }
      for (const part of transactions(items)) await transact(part, failures, signal);
      return failures;
    },

    hits: () => known ?? new Map(),
  };
}

/** The rows of a target in nftables, by the program nft. */
export const nftProgramList = (target: TargetConfig, { clock, changed, ...options }: QueueOptions & Omit<NftProgramOptions, 'clock'>): KernelList =>
  queuedList(nftProgramDriver(target, { clock, ...options }), { clock, changed });
