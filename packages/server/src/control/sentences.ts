/** What is to be said about a request to ban or unban: why it was refused, why it is not enforced, what else holds the address. */
import { familyOf, holds, networkOf, prefixOf, subjectOf, type Enforcement, type Subject } from 'banban-shared';
import type { EngineView } from './daemon-view.ts';

type TargetState = ReturnType<EngineView['targetStates']>[number];
type BanOutcome = ReturnType<EngineView['ban']>[number];
type UnbanOutcome = ReturnType<EngineView['unban']>[number];

const STATE_OF = { held: 'ok', simulated: 'simulated', pending: 'pending', unread: 'unread', missing: 'missing', waiting: 'full', failed: 'failed' } as const;

/** `a`, `a and b`, `a, b and c`. */
export const listed = (words: readonly string[]): string => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`);

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

/** Why it was not banned. `bits` is the prefix to which the target widens IPv6 addresses. */
export function refusedMessage(outcome: BanOutcome & { readonly outcome: 'refused' }, bits: number): string {
  const { subject, allowedBy } = outcome;
  if (allowedBy === undefined) return outcome.message;
  const entry = subjectOf(allowedBy);
  const never = 'an allowed address is never banned';
  if (holds(entry, subject)) return `the allow list has ${entry}: ${never}`;
  const whole = holds(subject, entry) ? subject : widened(subject, bits);
  const why = whole === subject ? '' : `IPv6 is banned here by the /${bits}, and `;
  return `${why}${whole} holds ${entry}, which the allow list has: ${never}`;
}

const widened = (subject: Subject, bits: number): Subject =>
  familyOf(subject) === 6 && networkOf(subject).bits > bits ? subjectOf(prefixOf(networkOf(subject).address, bits)) : subject;

/**
 * What else there is to say of a ban that stands: what it became where more is banned than was asked for, and which bans of
 * networks around it stand with it.
 */
export function bannedNotes(asked: Subject | undefined, { ban, within }: BanOutcome & { readonly outcome: 'banned' | 'extended' | 'unchanged' }): string[] {
  const notes: string[] = [];
  if (asked !== undefined && asked !== ban.address) notes.push(`${asked} is banned with all of its /${networkOf(ban.address).bits}, as ipv6_prefix of ${ban.target} says`);
  if (within.length > 0) notes.push(`it is also held by the ban${within.length === 1 ? '' : 's'} of ${listed(within.map((b) => b.address))}`);
  return notes;
}

/** What keeps an address out after an unban; undefined when nothing does. */
export function unbanMessage({ subject, unreleased, heldBy }: UnbanOutcome): string | undefined {
  const notes: string[] = [];
  if (unreleased.length > 0) notes.push(`the ban is ended, but the kernel's list ${unreleased.join(', ')} could not be freed of the address; banband goes on trying`);
  if (heldBy.length > 0) {
    const bans = heldBy.map((ban) => `the ban of ${ban.address} in ${ban.target}`);
    const networks = [...new Set(heldBy.map((ban) => ban.address))];
    notes.push(`${subject} is still held by ${listed(bans)} (banctl unban ${networks.join(' ')} ends ${bans.length === 1 ? 'that' : 'them'})`);
  }
  return notes.length === 0 ? undefined : notes.join('; ');
}
