/**
 * Ends connections in conntrack's table: one walk for all subjects, over netlink. What it finds is deleted piece by piece, so that
 * nothing grows with the table.
 *
 * The kernel could look for an address itself (CTA_FILTER, since 5.8), and then holds one core with softirqs off for the whole walk:
 * 21 ms with 100,000 entries, twice for each address, against 0.2 ms for each of the 740 pieces that it takes to read them all.
 */
import { getSystemErrorName } from 'node:util';
import type { Clock } from '../../clock.ts';
import { MessageWriter } from '../../netlink/message.ts';
import type { ThreadedNetlink } from '../../netlink/threaded-socket.ts';
import { countIn, countRequest, entryOf, NETLINK_NETFILTER, tableRequest, writeDelete, type Entry } from './conntrack-messages.ts';
import { subjectMatcher, type SubjectMatcher } from './subject-matcher.ts';
import { codeOf, NOT_ALLOWED, type Died, type OpenNetlink, type Outcome, type Sweep } from './sweep.ts';

const EPERM = 1;
const ENOENT = 2;
const EBUSY = 16;
const EINVAL = 22;
const EOPNOTSUPP = 95;

const NO_CONNTRACK = 'existing connections of banned addresses are not cut in conntrack because the kernel has none that netlink reaches: load its module nf_conntrack_netlink';

/** What the kernel answers when it does not do what it is asked. */
type Refusal = { readonly errno: number; readonly message: string };

/** A sweep of conntrack's table. */
export function conntrackSweep(clock: Clock, openNetlink: OpenNetlink): Sweep {
  return {
    async run(subjects, died, signal) {
      const open: ThreadedNetlink[] = [];
      const another = (): ThreadedNetlink => {
        const socket = openNetlink(NETLINK_NETFILTER, signal);
        open.push(socket);
        return socket;
      };
      try {
        return await walk(another, () => subjectMatcher(clock, subjects), died);
      } catch (error) {
        if (codeOf(error) === 'EPROTONOSUPPORT') return { kind: 'unavailable', message: NO_CONNTRACK };
        return { kind: 'failed', message: `conntrack can’t be reached by netlink: ${error instanceof Error ? error.message : String(error)}` };
      } finally {
        for (const socket of open) socket.close();
      }
    },
  };
}

async function walk(another: () => ThreadedNetlink, wanted: () => Promise<SubjectMatcher>, died: Died): Promise<Outcome> {
  const writer = another();
  let count: number | undefined;
  const [refusal] = await writer.ask(countRequest(), (message, bytes) => void (count ??= countIn(message, bytes)));
  if (refusal !== undefined) return refused('count its entries', refusal);
  // Where no rule asks for connections the kernel keeps none, and the walk of an empty table costs as much as any.
  if (count === 0) return { kind: 'done' };
  const matcher = await wanted();
  if (matcher.families.size === 0) return { kind: 'done' };

  let found: Entry[] = [];
  let undeleted: Refusal | undefined;
  const deleteFound = async (): Promise<void> => {
    const entries = found;
    found = [];
    undeleted = (await deleteAll(writer, entries, died)) ?? undeleted;
  };
  const end = await another().dump(
    tableRequest(matcher.families),
    (message, bytes) => {
      const entry = entryOf(message, bytes, matcher);
      if (entry !== undefined) found.push(entry);
    },
    () => (found.length === 0 ? undefined : deleteFound()),
  );
  if (end.errno !== 0) return refused('list its entries', end);
  return undeleted === undefined ? { kind: 'done' } : refused('delete an entry', undeleted);
}

/** Deletes the entries of one piece, some 130, and gives the last refusal that means something. */
async function deleteAll(socket: ThreadedNetlink, entries: readonly Entry[], died: Died): Promise<Refusal | undefined> {
  const requests = new MessageWriter(entries.length * 160);
  const asked = new Map<number, Entry>();
  for (const entry of entries) asked.set(writeDelete(requests, entry), entry);
  let refusal: Refusal | undefined;
  for (const answer of await socket.ask(requests.finish())) {
    const entry = asked.get(answer.sequence);
    if (entry === undefined) continue;
    if (answer.errno === 0) {
      if (!entry.isOver) died(entry.subject, entry.keys);
    } else if (answer.errno !== ENOENT) refusal = answer;
  }
  return refusal;
}

/** What a refusal of the kernel's means. */
function refused(what: 'count its entries' | 'list its entries' | 'delete an entry', { errno, message }: Refusal): Outcome {
  if (errno === EPERM) return { kind: 'unavailable', message: NOT_ALLOWED };
  // nfnetlink's word for a subsystem that it has not.
  if ((errno === EINVAL || errno === EOPNOTSUPP) && what === 'count its entries') return { kind: 'unavailable', message: NO_CONNTRACK };
  const why = message === '' ? getSystemErrorName(-errno) : message;
  const hint = errno === EBUSY ? ' (it is in a flowtable, and kernels before 6.4 delete none of those)' : '';
  return { kind: 'failed', message: `conntrack would not ${what}: ${why}${hint}` };
}
