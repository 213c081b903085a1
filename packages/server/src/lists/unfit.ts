/** What no list may have banned: parts of the Internet that are too large, and addresses that are nobody's on the Internet. */
import { familyOf, networkOf, parsePrefix, prefixSet, subjectOf, type Family, type Prefix, type Subject } from 'banban-shared';

/** The widest network that a list may name: the largest block that was ever given to anyone (IPv4), what a whole registry has (IPv6). */
export const WIDEST: Readonly<Record<Family, number>> = { 4: 8, 6: 16 };

/**
 * Addresses with a meaning of their own, by the registries of RFC 6890: private networks, this machine, neighbours, groups. One's own
 * network is among them. Those kept for documentation are not: nobody has them, so nobody is shut out.
 */
const SPECIAL: readonly (readonly [network: string, what: string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'a private network'],
  ['100.64.0.0/10', 'shared by a provider’s customers'],
  ['127.0.0.0/8', 'this machine itself'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'a private network'],
  ['192.0.0.0/24', 'kept for protocols'],
  ['192.168.0.0/16', 'a private network'],
  ['198.18.0.0/15', 'kept for measuring'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'no address'],
  ['::1/128', 'this machine itself'],
  ['64:ff9b::/96', 'all of IPv4 behind a translator'],
  ['64:ff9b:1::/48', 'IPv4 behind a translator'],
  ['100::/64', 'for packets that are to vanish'],
  ['fc00::/7', 'a private network'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
];

const special = new Map<Prefix, string>();
for (const [text, what] of SPECIAL) {
  const network = parsePrefix(text);
  if (network !== undefined) special.set(network, what);
}
const specialNetworks = prefixSet(special.keys());

/** Why a network must not be banned by a list, in words that follow it; undefined when it may. @param allowed the allow list */
export function whyUnfit(prefix: Prefix, allowed: (subject: Subject) => Prefix | undefined): string | undefined {
  const { bits } = networkOf(prefix);
  const family = familyOf(prefix);
  if (bits < WIDEST[family]) return `is too wide: a list may have networks of at most /${WIDEST[family]} of IPv${family}`;
  const subject = subjectOf(prefix);
  const own = specialNetworks.overlap(subject);
  if (own !== undefined) return own === prefix ? `is ${special.get(own) ?? 'special'}` : `${networkOf(own).bits < bits ? 'is in' : 'holds'} ${own} (${special.get(own) ?? 'special'})`;
  const entry = allowed(subject);
  return entry === undefined ? undefined : `has addresses of ${subjectOf(entry)}, which is on the allow list`;
}
