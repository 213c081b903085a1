/** Whose address it is, as far as a stranger can tell. */
import { familyOf, networkOf, prefixOf, subjectOf, type Subject } from 'banban-shared';

/** What every customer has of IPv6 at least, and can take any address of. */
const OWN_BITS = 64;

/** The IPv6 network of /64 around an address or a smaller network; all else is itself. */
export function householdOf(subject: Subject): Subject {
  const { address, bits } = networkOf(subject);
  return familyOf(address) === 4 || bits <= OWN_BITS ? subject : subjectOf(prefixOf(address, OWN_BITS));
}
