/** What is to be said about a request to ban or unban: why it was refused, why it is not enforced, what else holds the address. */
import { familyOf, holds, isNetwork, networkOf, prefixOf, subjectOf, type Enforcement, type Prefix, type Subject } from 'banban-shared';
import type { EngineView } from './daemon-view.ts';

type TargetState = ReturnType<EngineView['targetStates']>[number];
type BanOutcome = ReturnType<EngineView['ban']>[number];
type UnbanOutcome = ReturnType<EngineView['unban']>[number];

const STATE_OF = { held: 'ok', simulated: 'simulated', pending: 'pending', unread: 'unread', missing: 'missing', waiting: 'full', failed: 'failed' } as const;

/** So many are named: the 256 addresses of a request that are one network are no sentence. */
const MOST_NAMED = 5;

/** `a`, `a and b`, `a, b and c`, `a, b, c, d, e and 7 more`. */
function listed(words: readonly string[]): string {
  const shown = words.length > MOST_NAMED ? [...words.slice(0, MOST_NAMED), `${words.length - MOST_NAMED} more`] : words;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1) ?? ''}`;
}

/**
 * Why a ban that is stored does nothing, or not everywhere yet; undefined where it does. A list that says why is quoted,
 * by the name of its backend where the target has several.
 */
export function enforcementMessage(subject: Subject, target: string, enforcement: Enforcement, state: TargetState | undefined): string | undefined {
  if (enforcement === 'held') return undefined;
  const backends = state?.backends ?? [];
  const at = backends.find((backend) => backend.state === STATE_OF[enforcement]);
  const detail = at === undefined ? undefined : at.message === undefined || backends.length < 2 ? at.message : `${at.backend}: ${at.message}`;
  switch (enforcement) {
    case 'simulated':
      return 'banband simulates and does not touch the kernel';
    case 'pending':
      return detail ?? `it is being written to ${target}`;
    case 'unread':
      return detail ?? `no firewall rule looks at the list ${target}`;
    case 'missing':
      return detail ?? `the kernel has no list ${target}`;
    case 'waiting':
      return detail ?? `the list ${target} is full`;
    case 'failed':
      return detail ?? `${subject} could not be written to ${target}`;
  }
}

/**
 * The backends that hold a ban that not all of its target do. Of networks nothing is said, as not every backend has room for them,
 * but for those that the target bans for one IPv6 address (`bits`).
 */
export function holders(state: TargetState | undefined, bits: number): (subject: Subject) => string[] {
  const working = (state?.backends ?? []).filter((one) => one.state !== 'unread' && one.state !== 'missing' && one.state !== 'simulated');
  const lists = working.map(({ backend, notHeld }) => ({ backend, lacks: new Set(notHeld) }));
  return (subject) => {
    if (isNetwork(subject) && (familyOf(subject) === 4 || networkOf(subject).bits !== bits)) return [];
    return lists.filter(({ lacks }) => !lacks.has(subject)).map(({ backend }) => backend);
  };
}

/** What is banned for an address: itself, or the IPv6 network around it, where a target bans those (`bits`). */
export const unitOf = (subject: Subject, bits: number): Subject => (isNetwork(subject) || familyOf(subject) === 4 ? subject : subjectOf(prefixOf(subject, bits)));

/**
 * The addresses of a request by the network that is banned for them: a target may ban IPv6 by its prefix (`bits`). What is banned
 * as it was asked for is not in it.
 */
export function widenedBy(subjects: readonly Subject[], bits: number): ReadonlyMap<Subject, readonly Subject[]> {
  const widened = new Map<Subject, Subject[]>();
  if (bits === 128) return widened;
  for (const subject of new Set(subjects)) {
    if (isNetwork(subject) || familyOf(subject) === 4) continue;
    const network = prefixOf(subject, bits);
    const own = widened.get(network);
    if (own === undefined) widened.set(network, [subject]);
    else own.push(subject);
  }
  return widened;
}

/** Why it was not banned. `asked` are the addresses for which it would have been, as in `widenedBy`. */
export function refusedMessage(outcome: BanOutcome & { readonly outcome: 'refused' }, asked: readonly Subject[] = []): string {
  const { subject, allowedBy } = outcome;
  const network = asked.length === 0 ? '' : `${listed(asked)} would be banned with all of ${subject}, and `;
  if (allowedBy === undefined) return `${network}${outcome.message}`;
  const entry = subjectOf(allowedBy);
  const why = holds(entry, subject) ? `the allow list has ${entry}` : `${subject} holds ${entry}, which the allow list has`;
  return `${network}${why}: an allowed address is never banned`;
}

/** Why it was not banned without `force`. `asked` as for `refusedMessage`. */
export function guardedMessage(subject: Subject, { prefix, why }: { readonly prefix: Prefix; readonly why: string }, asked: readonly Subject[] = []): string {
  const entry = subjectOf(prefix);
  const network = asked.length === 0 ? '' : `${listed(asked)} would be banned with all of ${subject}, and `;
  const reason = holds(entry, subject) ? why : `${subject} holds ${entry}, and ${why}`;
  return `${network}${reason}; --force bans it all the same`;
}

/**
 * What else there is to say of a ban that stands: for which addresses a whole network is banned, and which bans of networks around
 * it stand with it. `asked` as for `refusedMessage`.
 */
export function bannedNotes({ ban, within }: BanOutcome & { readonly outcome: 'banned' | 'extended' | 'unchanged' }, asked: readonly Subject[] = []): string[] {
  const notes: string[] = [];
  if (asked.length > 0) notes.push(`the network of ${listed(asked)}, as ipv6_prefix of ${ban.target} says`);
  if (ban.origin.kind === 'list') notes.push(`the list ${ban.origin.name} has it for longer; yours is kept beneath, for its own time`);
  if (within.length > 0) notes.push(`it is also held by the ban${within.length === 1 ? '' : 's'} of ${listed(within.map((b) => b.address))}`);
  return notes;
}

/** What keeps an address out after an unban; undefined when nothing does. */
export function unbanMessage({ subject, unreleased, heldBy }: UnbanOutcome): string | undefined {
  const notes: string[] = [];
  if (unreleased.length > 0) notes.push(`the list ${listed(unreleased)} could not be freed of ${subject}; banband goes on trying`);
  if (heldBy.length > 0) {
    const bans = heldBy.map((ban) => `the ban of ${ban.address} in ${ban.target}`);
    const networks = [...new Set(heldBy.map((ban) => ban.address))];
    notes.push(`${subject} is still held by ${listed(bans)} (banctl unban ${networks.join(' ')} ends ${bans.length === 1 ? 'that' : 'them'})`);
  }
  return notes.length === 0 ? undefined : notes.join('; ');
}
