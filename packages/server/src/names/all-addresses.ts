import type { Address, HostName } from 'banban-shared';
import type { NameResolver } from './resolver.ts';

/**
 * All the addresses of a name, or in a few words why they are not known. What is known in part only is none: among the rest may be the
 * one that must not be banned.
 */
export async function allAddresses(resolver: Pick<NameResolver, 'lookUp'>, name: HostName): Promise<readonly Address[] | string> {
  const answer = await resolver.lookUp(name);
  switch (answer.kind) {
    case 'none':
      return 'there is no such name in the DNS, or it has no address';
    case 'failed':
      return answer.why;
    case 'found':
      if (answer.leftOut > 0) return `it has ${answer.addresses.length + answer.leftOut} addresses, which stands for a network`;
      return answer.unknown.length === 0 ? answer.addresses : `its IPv${answer.unknown.join(' and IPv')} addresses are not known (${answer.why ?? 'no answer'})`;
  }
}
