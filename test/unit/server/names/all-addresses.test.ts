import type { HostName } from 'banban-shared';
import { parseHostName } from 'banban-shared';
import { expect, test } from 'vitest';
import { allAddresses } from '../../../../packages/server/src/names/all-addresses.ts';
import type { NameAnswer } from '../../../../packages/server/src/names/resolver.ts';
import { address } from '../../../support/records.ts';

const host: HostName = parseHostName('host.example.com') ?? expect.unreachable();
const A = address('192.0.2.1');
const found = (given: Partial<Extract<NameAnswer, { kind: 'found' }>> = {}): NameAnswer => ({ kind: 'found', addresses: [A], leftOut: 0, unknown: [], why: undefined, ...given });
const said = (answer: NameAnswer) => allAddresses({ lookUp: () => Promise.resolve(answer) }, host);

test('are those of the answer', async () => expect(await said(found())).toEqual([A]));

test.each<[string, NameAnswer, string]>([
  ['there are none', { kind: 'none' }, 'there is no such name in the DNS, or it has no address'],
  ['nobody answered', { kind: 'failed', why: 'no name server answered in time' }, 'no name server answered in time'],
  ['some are left out', found({ leftOut: 12 }), 'it has 13 addresses, which stands for a network'],
  ['those of one family could not be asked for', found({ unknown: [6], why: 'the name server could not find out' }), 'its IPv6 addresses are not known (the name server could not find out)'],
])('are not known where %s', async (_, answer, why) => expect(await said(answer)).toBe(why));
