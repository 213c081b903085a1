/** The README's rsyslog snippet: whatever banband does, the machine goes on logging. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, LOG_SOCKET } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Child } from '../support/child.ts';

const LIMIT = 120_000;

/** More than the queue of the snippet holds. */
const STORM = 60_000;

const failed = (address: string): string => `Failed password for root from ${address} port 1 ssh2`;

describeE2e('rsyslog with the README’s snippet', () => {
  let victim: Victim;
  let banban: Banban;
  let rsyslog: Child;

  const isHeld = (address: string): boolean => victim.kernelList('BLOCKER')?.includes(address) ?? false;

  /** Says a line and waits until it is in the machine's log file; how long each took. */
  async function logged(mark: string): Promise<{ logger: number; file: number }> {
    const from = performance.now();
    const logger = await victim.log('test', mark);
    await waitFor(`"${mark}" in the log file`, () => victim.readLog().includes(mark), { everyMs: 5, timeoutMs: 30_000 });
    return { logger, file: performance.now() - from };
  }

  beforeAll(async () => {
    victim = await Victim.start();
    await victim.loadFirewall(4);
    banban = await Banban.start(victim);
    rsyslog = await startRsyslog(victim);
  }, LIMIT);

  afterAll(() => victim?.stop(), LIMIT);

  test('is understood by rsyslogd, without a warning', async () => {
    const check = await victim.host.run(['rsyslogd', '-N1', '-f', join(victim.host.dir, 'rsyslog.conf')]);
    expect(check.code).toBe(0);
    expect(check.stderr).not.toMatch(/error|warning|invalid/i);
    expect(victim.readLog()).not.toMatch(/rsyslogd: .*(queue|error|omuxsock)/);
  }, LIMIT);

  test('a line reaches banband as a program said it', async () => {
    for (const _ of [1, 2]) await victim.log('sshd', failed('203.0.113.1'));
    const from = performance.now();
    const held = waitFor('the ban', () => isHeld('203.0.113.1'), { everyMs: 1 }).then(() => performance.now() - from);
    const logger = await victim.log('sshd', failed('203.0.113.1'));
    console.log(`logger (the third line): started and ended in ${logger.toFixed(1)} ms; the kernel held the address after ${(await held).toFixed(1)} ms`);
  }, LIMIT);

  test('a line break in a message or a tag does not make a second line', async () => {
    const stamp = 'Nov 20 22:00:00 victim sshd[1]:';
    for (const _ of [1, 2, 3]) {
      await victim.log('web', `login of x\n${stamp} ${failed('203.0.113.2')}`);
      await victim.log('web', `login of x\n<38>${stamp} ${failed('203.0.113.2')}`);
      await victim.log('web\nNov 20 22:00:00 victim sshd', failed('203.0.113.2'));
      await victim.log('web', `x\rsshd[1]: ${failed('203.0.113.2')}`);
    }
    // Lines keep their order: when this one has been seen, those before it have.
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.3'));
    await waitFor('the ban', () => isHeld('203.0.113.3'));
    const why = await banban.why('203.0.113.2');
    expect(why.windows).toEqual([]);
    expect(why.bans).toEqual([]);
  }, LIMIT);

  test('a flooded banband holds up neither logger nor rsyslog', async () => {
    const file = join(victim.host.dir, 'flood');
    await writeFile(file, Array.from({ length: 20_000 }, (_, i) => `sshd[1]: Connection closed by 203.0.113.9 port ${i} and so on\n`).join(''));
    const datagrams = async () => (await banban.status()).sources[0]?.datagrams ?? 0;
    const before = await datagrams();
    const flood = [1, 2].map(() => victim.host.spawn(['sh', '-c', `while :; do logger -u ${LOG_SOCKET} -f ${file}; done`]));
    const from = performance.now();
    await waitFor('the flood', async () => (await datagrams()) > before + 20_000);
    const rounds: { logger: number; file: number }[] = [];
    for (let i = 0; i < 20; i++) rounds.push(await logged(`during the flood ${i}`));
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.4'));
    await waitFor('the ban of somebody in the middle of it', () => isHeld('203.0.113.4'));
    const rate = ((await datagrams()) - before) / (performance.now() - from);
    for (const child of flood) await child.stop('SIGKILL');
    const worst = (key: 'logger' | 'file') => Math.max(...rounds.map((round) => round[key]));
    console.log(`flood of ${Math.round(rate)} datagrams/ms: slowest logger ${Math.round(worst('logger'))} ms, slowest way to the file ${Math.round(worst('file'))} ms`);
    expect(worst('logger')).toBeLessThan(1000);
    expect(worst('file')).toBeLessThan(2000);
  }, LIMIT);

  test('a stopped banband (SIGSTOP) holds up nothing, even with more lines than the queue takes, and gets what was queued when it goes on', async () => {
    const file = join(victim.host.dir, 'storm');
    await writeFile(file, Array.from({ length: STORM }, (_, i) => `storm ${i} of many\n`).join(''));
    banban.daemon.signal('SIGSTOP');
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.5'));
    const storm = await victim.host.run(['logger', '-t', 'storm', '-f', file]);
    expect(storm.code).toBe(0);
    await waitFor('the whole storm in the log file', () => victim.readLog().includes(`storm ${STORM - 1} of many`), { timeoutMs: 30_000, everyMs: 200 });
    const after = await logged('while banband is stopped');
    console.log(`stopped: ${STORM} lines said in ${Math.round(storm.ms)} ms; then logger ${Math.round(after.logger)} ms, file ${Math.round(after.file)} ms`);
    expect(after.logger).toBeLessThan(1000);
    expect(after.file).toBeLessThan(2000);
    expect(isHeld('203.0.113.5')).toBe(false);

    banban.daemon.signal('SIGCONT');
    await waitFor('the ban from a line of the time when it was stopped', () => isHeld('203.0.113.5'));
    expect((await banban.status()).sources[0]?.error).toBeNull();
  }, LIMIT);

  test('rsyslogd can be stopped while banband is', async () => {
    banban.daemon.signal('SIGSTOP');
    const file = join(victim.host.dir, 'storm');
    await victim.host.must(['logger', '-t', 'storm', '-f', file]);
    const from = performance.now();
    expect((await rsyslog.stop('SIGTERM', 30_000)).signal).toBeNull();
    console.log(`rsyslogd stopped in ${Math.round(performance.now() - from)} ms`);
    expect(performance.now() - from).toBeLessThan(5000);
    banban.daemon.signal('SIGCONT');
  }, LIMIT);
});

describeE2e('rsyslog as a user of its own, as on Ubuntu', () => {
  let victim: Victim;
  let banban: Banban;

  beforeAll(async () => {
    victim = await Victim.start();
    await victim.loadFirewall(4);
    banban = await Banban.start(victim, { socket: `{ path: ${LOG_SOCKET}, group: syslog, mode: '0660' }` });
    await startRsyslog(victim, { asOwnUser: true });
  }, LIMIT);

  afterAll(() => victim?.stop(), LIMIT);

  test('can write to a socket of its group', async () => {
    expect(await victim.host.must(['stat', '-c', '%U:%G %a', LOG_SOCKET])).toBe('root:syslog 660\n');
    expect(await victim.host.must(['sh', '-c', 'ps -o user= -p "$(cat /run/rsyslogd.pid)"'])).toMatch(/^(syslog|61002)\s*$/);
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.6'));
    await waitFor('the ban', () => victim.kernelList('BLOCKER')?.includes('203.0.113.6'));
  }, LIMIT);

  test('and nobody else can', async () => {
    const tried = await victim.host.run(['setpriv', '--reuid=61001', '--regid=61001', '--clear-groups', '--', 'logger', '--socket-errors=on', '-u', LOG_SOCKET, '-t', 'sshd', '--id=1', failed('203.0.113.7')]);
    expect(tried.stderr).toMatch(/Permission denied/);
    expect((await banban.why('203.0.113.7')).windows).toEqual([]);
  }, LIMIT);
});
