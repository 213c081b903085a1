import { ApiError, type FindingView } from 'banban-shared';
import { expect, test } from 'vitest';
import { handlers } from '../../../../packages/server/src/control/handlers.ts';
import { aCanary, aFinding } from '../../../support/answers.ts';
import { daemonView } from '../../../support/daemon-view.ts';
import { target } from '../../../support/policies.ts';

const NOTHING = { query: undefined, body: undefined };

test('the rules are answered with whether banband manages them', async () => {
  const firewall = { ...daemonView().firewall, print: () => 'table inet banban {}\n' };
  for (const manage of [true, false]) {
    const view = daemonView({ firewall }, { firewall: { manage, removeAtStop: false, hostsDeny: '/etc/hosts.deny' } });
    expect(await handlers.firewall(view, NOTHING)).toEqual({ managed: manage, text: 'table inet banban {}\n' });
  }
});

test('check, install and remove answer what came of them', async () => {
  const findings: readonly FindingView[] = [aFinding()];
  const view = daemonView({
    firewall: {
      print: () => '',
      check: () => Promise.resolve(findings),
      install: () => Promise.resolve({ changes: ['put in'], problems: ['not all'] }),
      remove: () => Promise.resolve({ changes: ['taken out'], problems: [] }),
    },
  });
  expect(await handlers.firewallCheck(view, NOTHING)).toEqual({ findings });
  expect(await handlers.firewallInstall(view, NOTHING)).toEqual({ changes: ['put in'], problems: ['not all'] });
  expect(await handlers.firewallRemove(view, NOTHING)).toEqual({ changes: ['taken out'], problems: [] });
});

test('the canary flies to the first target, or to the one that is named and exists', async () => {
  const flown: [string, string][] = [];
  const view = daemonView({ canary: (name, by) => (flown.push([name, by]), Promise.resolve(aCanary({ target: name }))) }, { targets: [target('FIRST'), target('SECOND')], rules: [] });
  expect(await handlers.canary(view, { query: undefined, body: { by: 'ann' } })).toMatchObject({ target: 'FIRST' });
  expect(await handlers.canary(view, { query: undefined, body: { by: 'ann', target: 'SECOND' } })).toMatchObject({ target: 'SECOND' });
  expect(() => handlers.canary(view, { query: undefined, body: { by: 'ann', target: 'THIRD' } })).toThrow(ApiError);
  expect(flown).toEqual([['FIRST', 'ann'], ['SECOND', 'ann']]);
});
