/** What a client wrote, read strictly: each failure is an `ApiError` with the sentence that the client shows. */
import { ApiError, familyOf, networkOf, parseSubject, type Family, type Subject } from 'banban-shared';
import type { DaemonView } from './daemon-view.ts';

/** At most this many bad addresses are named; the rest is counted. */
const MOST_NAMED = 20;

/** The widest network that can be banned: the largest that a provider has. A wider one is a slip of the finger that shuts everybody out. */
const WIDEST: Readonly<Record<Family, number>> = { 4: 8, 6: 16 };

function refuse(bad: readonly string[], one: string, many: string, next: string): never {
  const shown = bad.slice(0, MOST_NAMED).map((text) => JSON.stringify(text));
  const more = bad.length > MOST_NAMED ? ` and ${bad.length - MOST_NAMED} more` : '';
  throw new ApiError('bad_address', `${shown.join(', ')}${more} ${bad.length === 1 ? one : many}; ${next}; nothing was done`, bad.slice(0, MOST_NAMED));
}

/** Addresses and networks. @throws ApiError `bad_address`, naming every one that could not be read: then nothing has been done */
export function readSubjects(texts: readonly string[]): Subject[] {
  const subjects: Subject[] = [];
  const bad: string[] = [];
  for (const text of texts) {
    const subject = parseSubject(text);
    if (subject === undefined) bad.push(text);
    else subjects.push(subject);
  }
  if (bad.length > 0) refuse(bad, 'is not an address or network', 'are not addresses or networks', 'write IPv4 as 203.0.113.7 or 203.0.113.0/24 and IPv6 as 2001:db8::7 or 2001:db8::/32, one each');
  return subjects;
}

/** One address or network. @throws ApiError `bad_address` */
export function readSubject(text: string): Subject {
  const [subject] = readSubjects([text]);
  if (subject === undefined) throw new ApiError('bad_address', 'give one address or network');
  return subject;
}

/** `readSubjects` for a ban. @throws ApiError `bad_address` also for a network that is too wide */
export function readBannable(texts: readonly string[]): Subject[] {
  const subjects = readSubjects(texts);
  const wide = subjects.filter((subject) => networkOf(subject).bits < WIDEST[familyOf(subject)]);
  const would = 'would ban a large part of the Internet';
  if (wide.length > 0) refuse([...new Set(wide)], would, would, `the widest network that can be banned is a /${WIDEST[4]} of IPv4 or a /${WIDEST[6]} of IPv6`);
  return subjects;
}

/** @throws ApiError `unknown_target` */
export function readTarget(daemon: DaemonView, name: string): string {
  const { targets } = daemon.engine.policy;
  if (targets.has(name)) return name;
  throw new ApiError('unknown_target', `there is no target ${JSON.stringify(name)}; configured are ${[...targets.keys()].join(', ')}`);
}

/** The target of that name, or the first of the configuration where none is named. @throws ApiError `unknown_target` */
export function readTargetOrFirst(daemon: DaemonView, name: string | undefined): string {
  if (name !== undefined) return readTarget(daemon, name);
  const first = daemon.engine.policy.targets.keys().next();
  if (first.done === true) throw new ApiError('unknown_target', 'no target is configured, so there is no list to put an address in');
  return first.value;
}
