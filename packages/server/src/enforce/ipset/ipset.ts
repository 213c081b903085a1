/**
 * The sets of ipset, by its program: `ipset restore` for a change. The sets are made with the rules (ruleset/ipset-lines.ts). Tried with
 * ipset 7.17:
 *
 * - Adding what is there, with `-exist`, sets its timeout anew.
 * - The longest timeout is 2,147,483 s (IPSET_MAX_TIMEOUT, 24.8 days). Rows that are to be there for longer get that and are renewed a
 *   day before it is over, whenever the list is looked at. After a restart of banband nobody knows of them; then such a row
 *   goes once, and comes back with the next look, because its ban is active.
 * - A set of `hash:ip` with a netmask cuts what is added and what is looked up, so its rows are the first addresses of networks.
 * - `hash:net` has no room for a network of 0 bits, `hash:ip` none for the address zero.
 */
import type { Instant, Subject } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import type { Hits, KernelList, ListChange, ListFailures } from '../firewall.ts';
import { FOR_EVER, timeoutOf } from '../nftables/rows.ts';
import { printedRow, subjectOfRow } from '../printed-row.ts';
import { queuedList, type Found, type ListDriver, type QueueOptions } from '../queued-list.ts';
import { lookAtSets, namesOf, noSet } from './look.ts';
import { failureOf, runIpset, type IpsetOptions } from './program.ts';
import { restoreText, saysForbidden, saysFull, saysMissing, saysUnfit, stoppedAt, type Item } from './restore.ts';

const LONGEST_SECONDS = 2_147_483;
/** Rows that are to be there for longer than ipset can are renewed when so little is left of their time. */
const RENEW_SECONDS = 86_400;
/** Less than that is the slack of rounding. */
const SLACK_SECONDS = 5;
/** So often a change is sent again without the row that ipset refused. */
const MOST_TRIES = 20;

const NOT_CANONICAL = 'it is not an address in canonical form; this is a fault in banban';
const TRIED_AGAIN = 'ipset refused others of the same change; it is tried again';

/** Which rows are out after a refusal, and why; undefined as a reason where the row is gone, as it should be. */
function blame(items: readonly Item[], culprit: Item, name: string, message: string): ReadonlyMap<Item, string | undefined> {
  const { set, seconds } = culprit;
  if (saysMissing(message)) return new Map(items.filter((item) => item.set === set).map((item) => [item, item.seconds === undefined ? undefined : noSet(name)]));
  const reason = saysFull(message) ? `the set ${name} of ipset is full: make it anew with a larger maxelem` : `ipset did not write it to the set ${name} (${message})`;
  if (seconds === undefined || !(saysFull(message) || saysUnfit(message))) return new Map([[culprit, reason]]);
  // What is true of this row is true of those that would come behind it, and one child for each would be too many.
  return new Map(items.slice(items.indexOf(culprit)).filter((item) => item.set === set && item.seconds !== undefined).map((item) => [item, reason]));
}

/** The driver of a target's sets. */
export function ipsetDriver(target: TargetConfig, options: IpsetOptions): ListDriver {
  const { clock } = options;
  const { ipv6Prefix } = target;
  const names = namesOf(target);
  /** Rows that are to be there for longer than ipset can. */
  const renewed = new Map<Subject, Instant>();
  let hits: ReadonlyMap<Subject, Hits> = new Map();
  /** What is wrong with sets, by their numbers, as of the last look; undefined before the first. */
  let faults: ReadonlyMap<number, string> | undefined;

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
      const result = await runIpset(['restore', '-exist'], options, { signal, input: restoreText(items, names) });
      const reason = failureOf(result);
      if (reason === undefined) return;
      const stop = result.kind === 'ended' && !saysForbidden(result.stderr) ? stoppedAt(result.stderr) : undefined;
      const culprit = stop && items[stop.line - 1];
      if (stop === undefined || culprit === undefined) return failAll(items, reason);
      const blamed = blame(items, culprit, names[culprit.set] ?? '', stop.message);
      for (const [{ subject }, why] of blamed) if (why !== undefined) failures.set(subject, why);
      items = items.filter((item) => !blamed.has(item));
    }
  }

  async function read(signal: AbortSignal): Promise<Found> {
    const met = new Map<Subject, Hits>();
    const late: Item[] = [];
    const look = await lookAtSets(target, options, signal, ({ text, seconds, hits: packets }, set) => {
      const subject = subjectOfRow(text, set, ipv6Prefix);
      if (subject === undefined) return;
      met.set(subject, packets);
      const until = seconds === 0 || seconds > RENEW_SECONDS ? undefined : renewed.get(subject);
      const wanted = until === undefined ? 0 : secondsUntil(until);
      if (wanted > seconds + SLACK_SECONDS) late.push({ subject, set, text, seconds: wanted });
    });
    if (look.state === 'failed') return look;
    faults = look.faults;
    const [missing] = look.missing;
    if (missing !== undefined) return { state: 'missing', message: noSet(names[missing] ?? '') };
    const [fault] = look.faults.values();
    if (fault !== undefined) return { state: 'failed', message: fault };
    if (late.length > 0) await restore(late, new Map(), signal);
    hits = met;
    return { state: 'present', subjects: new Set(met.keys()), capacity: undefined };
  }

  return {
    backend: 'ipset',
    canRead: true,

    refuses(subject) {
      if (subject.endsWith('/0')) return 'a set of ipset can’t hold a network of 0 bits: ban its two halves';
      const row = printedRow(subject, ipv6Prefix);
      return row !== undefined && row.set < 2 && (row.text === '0.0.0.0' || row.text === '::') ? 'a set of ipset can’t hold the address zero' : undefined;
    },

    read,

    async write({ remove, add }: ListChange, signal): Promise<ListFailures> {
      // A set that somebody made with another netmask would ban neighbours: nothing is written to one that was not looked at.
      const look = faults === undefined ? await read(signal) : undefined;
      const unknown = look?.state === 'failed' ? look.message : 'the sets have not been looked at';
      const failures = new Map<Subject, string>();
      const items: Item[] = [];
      const take = (subject: Subject, seconds: number | undefined): void => {
        const row = printedRow(subject, ipv6Prefix);
        const fault = row === undefined ? NOT_CANONICAL : faults === undefined ? unknown : faults.get(row.set);
        if (row === undefined || fault !== undefined) failures.set(subject, fault ?? NOT_CANONICAL);
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
