/** This machine's own addresses on the allow list, followed by the real banband in a network namespace. */
import { expect, test } from 'vitest';
import type { AllowlistResponse } from 'banban-shared';
import { describeKernel } from '../support/kernel-gate.ts';
import { kernelNamespace } from '../support/kernel-namespace.ts';
import { LocalBanban, POLICY } from '../support/local-banban.ts';
import { waitFor } from '../support/wait-for.ts';

async function following(...before: readonly string[]) {
  const { sh, xtRecent } = await kernelNamespace();
  const enter = ['nsenter', `--net=${xtRecent.replace('/net/xt_recent', '/ns/net')}`];
  const banban = await LocalBanban.start({ policy: `allowlist: [self]\n${POLICY}`, through: [...before, ...enter] });
  const own = async (): Promise<readonly string[]> => ((await banban.ask('GET', '/v1/allowlist')).body as AllowlistResponse).groups.find(({ name }) => name === 'self')?.addresses ?? [];
  return { sh, banban, own };
}

describeKernel('this machine’s own addresses', [], () => {
  // Without being told, banband looks once a minute: longer than these tests wait.
  test('are followed as the kernel tells of them, and one that was banned is unbanned', async () => {
    const { sh, banban, own } = await following();
    expect(await own()).toEqual(['127.0.0.1', '::1']);
    await banban.attack('203.0.113.7');
    expect(await banban.banned()).toEqual(['203.0.113.7']);
    sh('ip addr add 203.0.113.7/24 dev lo; ip addr add 2001:db8::7/64 dev lo nodad');
    await waitFor('the new addresses', async () => (await own()).length === 4, { timeoutMs: 10_000 });
    expect(await own()).toEqual(['127.0.0.1', '2001:db8::7', '203.0.113.7', '::1']);
    expect(await banban.banned()).toEqual([]);
    sh('ip addr del 203.0.113.7/24 dev lo');
    await waitFor('the end of one', async () => !(await own()).includes('203.0.113.7'), { timeoutMs: 10_000 });
    sh('ip link set lo down');
    sh('ip link set lo up');
    await waitFor('the link’s return', async () => (await own()).includes('127.0.0.1'), { timeoutMs: 10_000 });
  });

  test('are looked for every few seconds where the native part is left out', async () => {
    const { sh, own } = await following('env', 'BANBAN_NATIVE=off');
    sh('ip addr add 203.0.113.7/24 dev lo');
    await waitFor('the new address', async () => (await own()).includes('203.0.113.7'), { timeoutMs: 15_000 });
  });
});
