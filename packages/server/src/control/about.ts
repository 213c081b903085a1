/** Which bans a question about an address or a network is about. */
import { isNetwork, networkOf, prefixOf, prefixSet, subjectOf, type Subject } from 'banban-shared';

/**
 * Whether a subject is the asked one, is a network around it, or is inside it. Told by look-ups, because it is asked of every ban
 * and arithmetic on IPv6 takes microseconds.
 */
export function isAbout(asked: Subject): (subject: Subject) => boolean {
  const { address, bits } = networkOf(asked);
  const around = new Set(Array.from({ length: bits + 1 }, (_, length) => subjectOf(prefixOf(address, length))));
  if (!isNetwork(asked)) return (subject) => around.has(subject);
  const inside = prefixSet([asked]);
  return (subject) => {
    if (around.has(subject)) return true;
    const of = networkOf(subject);
    return of.bits >= bits && inside.find(of.address) !== undefined;
  };
}
