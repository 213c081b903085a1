/** Bans and offences to write in tests, with everything filled in that the test does not care about. */
import { instant, isNetwork, parseAddress, parseHostName, parseSubject, type Address, type HostName, type Prefix, type Subject } from 'banban-shared';
import type { BanWrite, NewOffence } from '../../packages/server/src/store/store.ts';

export const T0 = instant(Date.UTC(2026, 0, 2, 3, 4, 5, 678));

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function hostName(text: string): HostName {
  const parsed = parseHostName(text);
  if (parsed === undefined) throw new Error(`not a host name: ${text}`);
  return parsed;
}

/** An address or a network. */
export function subject(text: string): Subject {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(`nothing to ban: ${text}`);
  return parsed;
}

export function network(text: string): Prefix {
  const parsed = subject(text);
  if (!isNetwork(parsed)) throw new Error(`not a network: ${text}`);
  return parsed;
}

/** The n-th of 16,777,216 addresses. */
export const nth = (n: number): Address => address(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);

export function offence(given: Partial<NewOffence> = {}): NewOffence {
  return { at: T0, address: address('192.0.2.1'), target: 'BLOCKER', rule: 'ssh', level: 1, decision: 'banned', reason: undefined, lines: ['one', 'two', 'three'], ...given };
}

export function banWrite(given: Partial<BanWrite> = {}): BanWrite {
  return {
    address: address('192.0.2.1'),
    target: 'BLOCKER',
    origin: { kind: 'rule', name: 'ssh' },
    level: 1,
    reason: undefined,
    at: T0,
    until: instant(T0 + 3_600_000),
    offence: undefined,
    ...given,
  };
}
