/**
 * The sets of ipset, by its program: `ipset restore` for a change, one conversation (`ipset -`) for a look at all four. The sets are made with
 * the rules (ruleset/ipset-lines.ts). Tried with ipset 7.17:
 *
 * - Adding what is there, with `-exist`, sets its timeout anew.
 * - The longest timeout is 2,147,483 s (IPSET_MAX_TIMEOUT, 24.8 days). Rows that are to be there for longer get that and are renewed a
 *   day before it is over, whenever the list is looked at. After a restart of banband nobody knows of them; then such a row
 *   goes once, and comes back with the next look, because its ban is active.
 * - A set of `hash:ip` with a netmask cuts what is added and what is looked up, so its rows are the first addresses of networks.
 * - `hash:net` has no room for a network of 0 bits, `hash:ip` none for the address zero.
 */
import { ms, type Instant, type Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import { exec, type ExecOptions, type ExecResult } from '../exec.ts';
import type { Hits, KernelList, ListChange, ListFailures } from '../firewall.ts';
import { ipsetName } from '../names.ts';
import { INSTALL } from '../nftables/refusal.ts';
import { FOR_EVER, timeoutOf } from '../nftables/rows.ts';
import { setsOf, type ElementSet } from '../nftables/sets.ts';
import { printedRow, subjectOfRow } from '../printed-row.ts';
import { queuedList, type Found, type ListDriver, type QueueOptions } from '../queued-list.ts';
import { optionOf, saveReader, type SavedSet } from './listing.ts';
import { firstComplaint, restoreText, saysForbidden, saysFull, saysMissing, saysUnfit, stoppedAt, type Item } from './restore.ts';

/** What the driver works with. */
export interface IpsetOptions {
  readonly clock: Clock;
  /** As in `ExecOptions`. */
  readonly path?: string;
  /** A program that has not ended by then is killed; default 30 s, of which 50,000 rows take a tenth of one. */
  readonly timeout?: ExecOptions['timeout'];
}

const PROGRAM = 'ipset';
const TIMEOUT = ms(30_000);
/** Eight sets of 100,000. */
const MOST_OUTPUT = 64 * 1024 * 1024;
const LONGEST_SECONDS = 2_147_483;
/** Rows that are to be there for longer than ipset can are renewed when so little is left of their time. */
const RENEW_SECONDS = 86_400;
/** So often a change is sent again without the row that ipset refused. */
const MOST_TRIES = 20;

const NOT_CANONICAL = 'it is not an address in canonical form; this is a fault in banban';
const TRIED_AGAIN = 'ipset refused others of the same change; it is tried again';

const noSet = (name: string): string => `the set ${name} of ipset is not there: ${INSTALL}`;

/** Why ipset did not do it; undefined when it did all. */
function wholeReason(result: ExecResult): string | undefined {
  if (result.kind === 'missing') return `${result.message}: install ipset`;
  if (result.kind !== 'ended') return result.message;
  if (result.code === 0) return undefined;
  const words = firstComplaint(result.stderr);
  if (saysForbidden(words)) return 'ipset may not change the kernel’s sets: run banband as root (it needs CAP_NET_ADMIN)';
  return `ipset failed (${result.code ?? result.signal ?? ''})${words === '' ? '' : `: ${words}`}`;
}

/** What keeps banban from using a set; undefined for nothing. */
function faultOf(set: SavedSet, { family, kind }: ElementSet, ipv6Prefix: number): string | undefined {
  const type = kind === 'host' ? 'hash:ip' : 'hash:net';
  const wanted = family === 4 ? 'inet' : 'inet6';
  const netmask = kind === 'host' && family === 6 && ipv6Prefix < 128 ? String(ipv6Prefix) : undefined;
  if (set.type !== type) return `is of the type ${set.type} and has to be ${type}`;
  if (optionOf(set, 'family') !== wanted) return `is not of the family ${wanted}`;
  if (optionOf(set, 'netmask') !== netmask) return netmask === undefined ? 'has a netmask' : `lacks the netmask ${netmask}`;
  if (!set.options.includes('timeout')) return 'was made without a timeout';
  return undefined;
}

/** Which rows are out after a refusal, and why; undefined as a reason where the row is gone, as it should be. */
function blame(items: readonly Item[], culprit: Item, name: string, message: string): Map<Item, string | undefined> {
  const { set, seconds } = culprit;
  const blamed = new Map<Item, string | undefined>();
  const isAll = saysMissing(message);
  const reason = isAll ? noSet(name) : saysFull(message) ? `the set ${name} of ipset is full: make it anew with a larger maxelem` : `ipset did not write it to the set ${name} (${message})`;
  // What is true of this row is true of those that would come behind it, and one child for each would be too many.
  if (isAll || (seconds !== undefined && (saysFull(message) || saysUnfit(message)))) {
    for (const item of isAll ? items : items.slice(items.indexOf(culprit))) {
      if (item.set === set && (isAll || item.seconds !== undefined)) blamed.set(item, item.seconds === undefined ? undefined : reason);
    }
  } else blamed.set(culprit, reason);
  return blamed;
}

/** The driver of a target's sets. */
export function ipsetDriver(target: TargetConfig, { clock, path, timeout = TIMEOUT }: IpsetOptions): ListDriver {
  const { name, ipv6Prefix } = target;
  const sets = setsOf(target);
  const names = sets.map(({ family, kind }) => ipsetName(name, family, kind));
  /** Rows that are to be there for longer than ipset can. */
  const renewed = new Map<Subject, Instant>();
  let hits: ReadonlyMap<Subject, Hits> = new Map();
  const common = { clock, timeout, ...(path !== undefined && { path }) };

  function secondsUntil(until: Instant): number {
    const length = timeoutOf(until, clock.now());
    return length === FOR_EVER ? 0 : Math.min(LONGEST_SECONDS, Math.ceil(length / 1000));
  }

  /** Sends rows, again without what ipset refuses; what failed goes into `failures`. */
  async function restore(all: readonly Item[], failures: Map<Subject, string>, signal: AbortSignal): Promise<void> {
    const failAll = (items: readonly Item[], reason: string): void => items.forEach(({ subject }) => failures.set(subject, reason));
    let items = all;
    for (let tries = 0; items.length > 0; tries++) {
      if (tries === MOST_TRIES) return failAll(items, TRIED_AGAIN);
      const result = await exec(PROGRAM, ['restore', '-exist'], { ...common, signal, input: restoreText(items, names) });
      const reason = wholeReason(result);
      if (reason === undefined) return;
      const stop = result.kind === 'ended' && !saysForbidden(result.stderr) ? stoppedAt(result.stderr) : undefined;
      const culprit = stop && items[stop.line - 1];
      if (stop === undefined || culprit === undefined) return failAll(items, reason);
      const blamed = blame(items, culprit, names[culprit.set] ?? '', stop.message);
      for (const [{ subject }, why] of blamed) if (why !== undefined) failures.set(subject, why);
      items = items.filter((item) => !blamed.has(item));
    }
  }

  return {
    backend: 'ipset',
    canRead: true,

    refuses(subject) {
      if (subject.endsWith('/0')) return 'a set of ipset can’t hold a network of 0 bits: ban its two halves';
      const row = printedRow(subject, ipv6Prefix);
      return row !== undefined && row.set < 2 && (row.text === '0.0.0.0' || row.text === '::') ? 'a set of ipset can’t hold the address zero' : undefined;
    },

    async read(signal): Promise<Found> {
      const found = new Map<string, SavedSet>();
      const met = new Map<Subject, Hits>();
      const late: Item[] = [];
      const reader = saveReader(
        (set) => found.set(set.name, set),
        ({ set: of, text, seconds, hits: packets }) => {
          const set = names.indexOf(of);
          const subject = set < 0 ? undefined : subjectOfRow(text, set, ipv6Prefix);
          if (subject === undefined) return;
          met.set(subject, packets);
          const until = seconds === 0 || seconds > RENEW_SECONDS ? undefined : renewed.get(subject);
          const wanted = until === undefined ? 0 : secondsUntil(until);
          // Less is the slack of rounding: it has been renewed for the last time.
          if (wanted > seconds + 5) late.push({ subject, set, text, seconds: wanted });
        },
      );
      const enough = new AbortController();
      let length = 0;
      const onStdout = (chunk: Buffer): void => {
        length += chunk.length;
        if (length <= MOST_OUTPUT) reader.feed(chunk);
        else enough.abort();
      };
      const input = names.map((set) => `save ${set}\n`).join('');
      const result = await exec(PROGRAM, ['-'], { ...common, signal: AbortSignal.any([signal, enough.signal]), input, onStdout });
      if (enough.signal.aborted) return { state: 'failed', message: `ipset printed more than 64 MiB of the sets of ${name}, which banban does not read` };
      // In a conversation it goes on after an error, and ends well.
      const complaint = result.kind === 'ended' ? result.stderr : '';
      if (saysMissing(complaint)) return { state: 'missing', message: noSet(names.find((set) => !found.has(set)) ?? '') };
      const reason = wholeReason(result.kind === 'ended' && complaint.trim() !== '' ? { ...result, code: result.code === 0 ? 1 : result.code } : result);
      if (reason !== undefined) return { state: 'failed', message: reason };
      for (const [number, wanted] of sets.entries()) {
        const set = found.get(names[number] ?? '');
        if (!reader.end() || set === undefined) return { state: 'failed', message: `what ipset printed is not the set ${names[number] ?? ''}` };
        const fault = faultOf(set, wanted, ipv6Prefix);
        if (fault !== undefined) return { state: 'failed', message: `the set ${set.name} of ipset ${fault}: take it out of the rules and destroy it, and "banctl firewall install" makes it anew` };
      }
      if (late.length > 0) await restore(late, new Map(), signal);
      hits = met;
      return { state: 'present', subjects: new Set(met.keys()), capacity: undefined };
    },

    async write({ remove, add }: ListChange, signal): Promise<ListFailures> {
      const failures = new Map<Subject, string>();
      const items: Item[] = [];
      const take = (subject: Subject, seconds: number | undefined): void => {
        const row = printedRow(subject, ipv6Prefix);
        if (row === undefined) failures.set(subject, NOT_CANONICAL);
        else items.push({ ...row, subject, seconds });
      };
      for (const subject of remove) {
        renewed.delete(subject);
        take(subject, undefined);
      }
      for (const { subject, until } of add) {
        const seconds = secondsUntil(until);
        if (seconds === LONGEST_SECONDS) renewed.set(subject, until);
        else renewed.delete(subject);
        take(subject, seconds);
      }
      await restore(items, failures, signal);
      return failures;
    },

    hits: () => hits,
  };
}

/** The rows of a target in ipset. */
export const ipsetList = (target: TargetConfig, { clock, changed, ...options }: QueueOptions & Omit<IpsetOptions, 'clock'>): KernelList =>
  queuedList(ipsetDriver(target, { clock, ...options }), { clock, changed });
