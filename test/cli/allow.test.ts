/** banctl allow as a person runs it, before a daemon of the test's own and before the real one. */
import { userInfo } from 'node:os';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AllowlistResponse } from 'banban-shared';
import { banctl } from '../support/banctl.ts';
import { fakeDaemon, type FakeAnswer } from '../support/fake-daemon.ts';
import { LocalBanban, POLICY } from '../support/local-banban.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const person = process.env['SUDO_USER'] || userInfo().username;

async function ask(answer: FakeAnswer, args: readonly string[], input = '') {
  const daemon = await fakeDaemon(answer);
  return { ...(await banctl(args, { socket: daemon.socket, input })), asked: daemon.asked };
}
const done = { results: [{ address: '203.0.113.7', outcome: 'allowed', until: null, unbanned: [{ address: '203.0.113.7', target: 'BLOCKER' }], message: null }] };

describe('banctl allow', () => {
  test('sends the addresses, the length, the reason and who it was, and says what was unbanned', async () => {
    const result = await ask({ body: done }, ['allow', '203.0.113.7', '--for', '8h', '--reason', 'a guest']);
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7 is allowed for ever; unbanned: 203.0.113.7 in BLOCKER\n' });
    expect(result.asked).toEqual([{ method: 'POST', path: '/v1/allowlist', body: { addresses: ['203.0.113.7'], by: person, durationSeconds: 28_800, reason: 'a guest' } }]);
  });

  test('without a length is for ever, reads a list from standard input, and forces when told to', async () => {
    const result = await ask({ body: done }, ['allow', '-', '--force'], '203.0.113.7 # one\n10.0.0.0/7\n');
    expect(result.asked).toEqual([{ method: 'POST', path: '/v1/allowlist', body: { addresses: ['203.0.113.7', '10.0.0.0/7'], by: person, force: true } }]);
  });

  test('list and remove ask for what they say; --json is the body', async () => {
    const body: AllowlistResponse = { groups: [{ name: 'self', addresses: ['192.0.2.1'], checkedAt: null }], byHand: [], problems: ['x.example.org: the DNS has no address of it, so nothing of it is allowed'] };
    const list = await ask({ body }, ['allow', 'list']);
    expect(list).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/allowlist' }] });
    expect(list.stdout).toBe('ADDRESS    GROUP  SINCE  ENDS  BY  REASON\n192.0.2.1  self   -      -     -\n! x.example.org: the DNS has no address of it, so nothing of it is allowed\n');
    expect(JSON.parse((await ask({ body }, ['allow', 'list', '--json'])).stdout)).toEqual(body);
    const removal = { results: [{ address: '203.0.113.7', removed: true, allowedBy: null, groups: [] }] };
    const remove = await ask({ body: removal }, ['allow', 'remove', '203.0.113.7']);
    expect(remove).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7 is no longer allowed by hand\n', asked: [{ method: 'DELETE', path: '/v1/allowlist', body: { addresses: ['203.0.113.7'], by: person } }] });
  });

  test.each([
    [['allow'], /allow needs at least one address/],
    [['allow', 'list', '203.0.113.7'], /allow list takes no addresses/],
    [['allow', 'remove'], /which address is to be removed\?/],
    [['allow', 'remove', '203.0.113.7', '--for', '1h'], /--for, --reason and --force are for allowing, not for allow remove/],
    [['allow', '203.0.113.7', '--for', 'soon'], /--for "soon" is not a duration/],
    [['allow', '203.0.113.7', '--reason', ''], /--reason must have 1 to 500 characters/],
    [['allow', '203.0.113.7', '--target', 'BLOCKER'], /--target is an option of .*, not of allow/],
  ])('%j is a usage error, and asks nobody', async (args, message) => {
    const result = await ask({ body: done }, args);
    expect(result).toMatchObject({ code: 2, stdout: '', asked: [] });
    expect(result.stderr).toMatch(message);
  });
});

describe('with the real banband', () => {
  test('allowing ends a ban, is told by why, is there after a restart, and ends', async () => {
    const banban = await LocalBanban.start();
    const run = (...args: string[]) => banctl(args, { socket: banban.controlSocket });
    expect((await run('ban', '203.0.113.7')).code).toBe(0);
    expect(await run('allow', '203.0.113.0/24', '--reason', 'the office')).toMatchObject({ code: 0, stdout: '203.0.113.0/24 is allowed for ever; unbanned: 203.0.113.7 in BLOCKER\n' });
    expect((await run('why', '203.0.113.7')).stdout).toContain('203.0.113.7 is not banned: it is never banned, because 203.0.113.0/24 is on the allow list (by hand)');
    expect((await run('ban', '203.0.113.7')).code).toBe(1);
    expect(await run('allow', '0.0.0.0/1')).toMatchObject({ code: 1, stdout: '' });
    await banban.stop('SIGKILL');
    const next = await LocalBanban.start({ dir: banban.dir, database: banban.database });
    const again = (...args: string[]) => banctl(args, { socket: next.controlSocket });
    expect((await again('allow', 'list')).stdout).toMatch(/^203\.0\.113\.0\/24 +by hand +\S+ ago|^203\.0\.113\.0\/24 +by hand +just now/m);
    expect((await again('allow', 'remove', '203.0.113.0/24')).stdout).toBe('203.0.113.0/24 is no longer allowed by hand\n');
    expect((await again('ban', '203.0.113.7')).code).toBe(0);
  });

  test('files, host names and this machine’s own addresses are followed as the configuration says, and as they change', async () => {
    const file = join(tempDir(), 'allow.txt');
    writeFileSync(file, '192.0.2.0/24\n');
    const banban = await LocalBanban.start({ policy: `allowlist: [self, { file: ${file} }, never.banban.invalid]\n${POLICY}` });
    const groups = async () => {
      const { stdout } = await banctl(['allow', 'list', '--json'], { socket: banban.controlSocket });
      const { groups: all, problems } = JSON.parse(stdout) as AllowlistResponse;
      return { problems, of: (name: string) => all.find((group) => group.name === name)?.addresses ?? [] };
    };
    expect((await groups()).of('self')).toContain('127.0.0.1');
    expect((await groups()).of(`file ${file}`)).toEqual(['192.0.2.0/24']);
    await banban.attack('203.0.113.9');
    await waitFor('the ban', async () => (await banban.list()).length === 1);
    appendFileSync(file, '203.0.113.9\n203.0.113.300\n');
    await waitFor('its end', async () => (await banban.list()).length === 0);
    await waitFor('the name that has no address', async () => (await groups()).problems.some((sentence) => sentence.startsWith('never.banban.invalid: ')));
    const status = await banctl(['status'], { socket: banban.controlSocket });
    expect(status.stdout).toContain(`allow list: ${file}, line 3: "203.0.113.300" is no address`);
  });
});
