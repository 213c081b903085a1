import { parseSubject, statusResponse, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { EngineView } from '../../../../packages/server/src/control/daemon-view.ts';
import { handlers } from '../../../../packages/server/src/control/handlers.ts';
import { misfit } from '../../../../packages/client/src/conforms.ts';
import { daemonView, type GivenView } from '../../../support/daemon-view.ts';
import { policy, rule } from '../../../support/policies.ts';
import { nth } from '../../../support/records.ts';

type TargetState = ReturnType<EngineView['targetStates']>[number];
type BackendState = TargetState['backends'][number];
const subject = (text: string): Subject => parseSubject(text) ?? expect.unreachable(`not a subject: ${text}`);
const backend = (given: Partial<BackendState> = {}): BackendState => ({ backend: 'nftables', state: 'ok', message: undefined, bans: 2, held: 2, foreign: [], capacity: undefined, notHeld: [], ...given });
const target = (given: Partial<TargetState> = {}): TargetState => ({ name: 'BLOCKER', state: 'ok', message: undefined, bans: 2, held: 2, foreign: [], capacity: undefined, notHeld: [], backends: [backend()], ...given });

async function status(targets: TargetState[], given: GivenView = {}) {
  const answer = await handlers.status(daemonView({ ...given, engine: { targetStates: () => targets, ...given.engine } }), { query: undefined, body: undefined });
  if (!('problems' in answer)) return expect.unreachable('it is no stream');
  expect(misfit(answer, statusResponse)).toBeUndefined();
  return answer;
}

describe('a target', () => {
  test('is shown with all its backends', async () => {
    const hosts = backend({ backend: 'hosts_deny', state: 'failed', message: 'no space left', held: 1, capacity: 5, notHeld: [subject('203.0.113.7')] });
    const { targets } = await status([target({ state: 'failed', message: 'no space left', held: 1, notHeld: [subject('203.0.113.7')], backends: [backend({ foreign: [subject('198.51.100.0/24')] }), hosts] })]);
    expect(targets).toMatchObject([{
      name: 'BLOCKER', state: 'failed', held: 1, notHeld: ['203.0.113.7'],
      backends: [
        { backend: 'nftables', state: 'ok', message: null, held: 2, foreign: 1, capacity: null },
        { backend: 'hosts_deny', state: 'failed', message: 'no space left', held: 1, foreign: 0, capacity: 5 },
      ],
    }]);
  });

  test('names at most a hundred rows that are not banban\'s, and counts them all; they are no problem', async () => {
    const foreign = Array.from({ length: 1000 }, (_, i) => nth(i));
    const { targets, problems } = await status([target({ foreign, backends: [backend({ foreign })] })]);
    expect(targets[0]).toMatchObject({ foreign: 1000, foreignNamed: { length: 100 } });
    expect(problems).toEqual([]);
  });
});

describe('problems', () => {
  const of = async (...targets: TargetState[]): Promise<string[]> => (await status(targets)).problems;

  test('are a sentence for each list that is not well, by its backend where there are several', async () => {
    const unread = backend({ state: 'unread', message: 'no firewall rule looks at set BLOCKER_v4' });
    expect(await of(target({ backends: [unread] }))).toEqual(['target BLOCKER: 2 bans are not enforced: no firewall rule looks at set BLOCKER_v4']);
    expect(await of(target({ backends: [backend({ backend: 'ipset', state: 'missing', message: 'there is no such set', bans: 1 }), unread] }))).toEqual([
      'target BLOCKER, ipset: 1 ban is not enforced: there is no such set',
      'target BLOCKER, nftables: 2 bans are not enforced: no firewall rule looks at set BLOCKER_v4',
    ]);
    expect(await of(target({ backends: [backend({ state: 'unread', bans: 0 })] }))).toEqual(['target BLOCKER: no firewall rule looks at the list']);
    expect(await of(target({ backends: [backend({ state: 'failed', message: 'EIO' }), backend({ backend: 'hosts_deny', state: 'full', message: 'too small' })] }))).toEqual(['target BLOCKER, nftables: EIO', 'target BLOCKER, hosts_deny: too small']);
  });

  test('are none while rows are being written', async () => {
    expect(await of(target({ state: 'pending', held: 1, backends: [backend({ state: 'pending', message: '1 row is being written' })] }))).toEqual([]);
  });

  test('has what is in the way of the firewall rules', async () => {
    expect((await status([], { firewallProblems: () => ['nft is not there'] })).problems).toEqual(['firewall: nft is not there']);
  });

  test('say once that nothing is enforced, and not of every list that it is missing', async () => {
    const { problems } = await status([target({ backends: [backend({ state: 'missing' })] })], { notEnforcing: () => 'started with --simulate' });
    expect(problems).toEqual(['nothing is enforced: started with --simulate']);
  });
});

test('host names are counted where a rule wants them, and null where none does', async () => {
  expect(await status([])).toMatchObject({ hostNames: null });
  const counters = { seen: 5, lookedUp: 4, failed: 3, spared: 2, dropped: 1 };
  expect(await status([], { engine: { policy: policy({ rules: [rule('ssh', { usedns: 'warn' })] }), nameCounters: () => counters } })).toMatchObject({ hostNames: counters });
});
