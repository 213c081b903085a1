/** Who must not be banned, as read from a machine's files: those of a made-up machine, and those of this one. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { precise, systemClock, type Clock } from '../../packages/server/src/clock.ts';
import { PLACES } from '../../packages/server/src/guards/facts.ts';
import type { Guard } from '../../packages/server/src/guards/guard.ts';
import { createGuards, type GuardKinds } from '../../packages/server/src/guards/guards.ts';
import { sshdSessions } from '../../packages/server/src/guards/sshd-sessions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeMachine } from '../support/fake-machine.ts';
import { utmpRecord } from '../support/utmp-records.ts';
import { waitFor } from '../support/wait-for.ts';

const FAR = '203.0.113.7';
const ANNA = 61_001;
const SSHD = Number(execFileSync('sh', ['-c', "sed -n 's/^sshd:[^:]*:\\([0-9]*\\):.*/\\1/p' /etc/passwd"], { encoding: 'utf8' }).trim() || '74');

const addressesIn = async (look: ReturnType<typeof sshdSessions>): Promise<string[]> => (await look.look()).map(({ address }) => address);

describe('sshd', () => {
  const LISTENER = { title: 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', sockets: { 3: 1 } };

  function room() {
    const machine = fakeMachine();
    machine.process(10, LISTENER);
    machine.process(11, { name: 'nginx', sockets: { 3: 500 } });
    machine.connections({ 100: FAR, 500: '203.0.113.99' });
    return { ...machine, sessions: sshdSessions(systemClock, machine.places.proc) };
  }

  test('guards whom it has let in, from the login to the logout', async () => {
    const { process, end, sessions } = room();
    process(20, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100, 5: 101 } });
    process(21, { title: 'sshd: anna [net]', parent: 20, user: SSHD, sockets: { 4: 100, 6: 102 } });
    expect(await sessions.look()).toEqual([]);
    end(21);
    process(22, { title: 'sshd: anna@pts/0', parent: 20, user: ANNA, sockets: { 3: 103, 4: 100 } });
    expect(await sessions.look()).toEqual([{ address: FAR, user: 'anna', terminal: 'pts/0' }]);
    expect(await sessions.look()).toHaveLength(1);
    end(22);
    end(20);
    expect(await sessions.look()).toEqual([]);
  });

  test('guards root, whose monitor goes on by itself, and root of newer versions, whose does not', async () => {
    const { process, connections, sessions } = room();
    process(20, { title: 'sshd: root@pts/0', parent: 10, sockets: { 4: 100 } });
    process(30, { name: 'sshd-session', title: 'sshd-session: root [priv]', parent: 10, sockets: { 4: 200 } });
    process(31, { name: 'sshd-session', title: 'sshd-session: root@notty', parent: 30, sockets: { 4: 200, 9: 201 } });
    connections({ 100: FAR, 200: '203.0.113.8', 201: '203.0.113.66' });
    expect((await addressesIn(sessions)).sort()).toEqual([FAR, '203.0.113.8']);
  });

  test.each([
    ['a monitor that has taken on the user’s id to read keys', { title: 'sshd: anna [priv]', parent: 10, user: [0, ANNA, 0, ANNA], sockets: { 4: 100 } }],
    ['a monitor of somebody whose name looks like a session', { title: 'sshd: anna@pts/0 [priv]', parent: 10, sockets: { 4: 100 } }],
    ['what has not yet said what it is', { title: '/usr/sbin/sshd -D -R', parent: 10, sockets: { 4: 100 } }],
    ['the unprivileged child', { title: 'sshd: anna', parent: 12, user: SSHD, sockets: { 4: 100 } }],
    ['the program of newer versions that serves who is not logged in', { name: 'sshd-auth', title: 'sshd-auth: anna', parent: 12, user: SSHD + 1, sockets: { 4: 100 } }],
    ['somebody’s own program of that name', { title: 'sshd: anna@pts/0', parent: 11, user: ANNA, sockets: { 4: 100 } }],
    ['somebody’s own sshd', { title: 'sshd: anna@pts/0', parent: 13, user: ANNA, sockets: { 4: 100 } }],
    ['a program of another name', { name: 'bash', title: 'sshd: anna@pts/0', parent: 12, user: ANNA, sockets: { 4: 100 } }],
  ] as const)('does not guard for %s', async (_what, given) => {
    const { process, sessions } = room();
    process(12, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100 } });
    process(13, { title: 'sshd: anna [priv]', parent: 11, user: ANNA, sockets: { 4: 100 } });
    process(20, given);
    expect(await sessions.look()).toEqual([]);
  });

  test('does not guard for a monitor that still has its unprivileged child, whatever the title', async () => {
    const { process, sessions } = room();
    process(20, { title: 'sshd: root@pts/0', parent: 10, sockets: { 4: 100 } });
    process(21, { title: 'sshd: root [net]', parent: 20, user: SSHD, sockets: { 4: 100 } });
    expect(await sessions.look()).toEqual([]);
  });

  test('guards the connection itself, and nobody who came by what it forwards', async () => {
    const { process, connections, sessions } = room();
    process(20, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100 } });
    process(21, { title: 'sshd: anna@notty', parent: 20, user: ANNA, sockets: { 3: 300, 4: 100, 5: 301 } });
    connections({ 300: '203.0.113.66', 100: FAR, 301: '203.0.113.67' });
    expect(await addressesIn(sessions)).toEqual([FAR]);
  });

  test('is not fooled by a process that has the number of one that is gone', async () => {
    const { process, sessions } = room();
    process(20, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100 } });
    process(21, { title: 'sshd: anna@notty', parent: 20, user: ANNA, sockets: { 4: 100 }, start: 100 });
    expect(await addressesIn(sessions)).toEqual([FAR]);
    process(21, { title: 'sshd: bert [net]', parent: 20, user: SSHD, sockets: { 4: 100 }, start: 200 });
    expect(await sessions.look()).toEqual([]);
  });

  test('guards for nobody who has ended, though the parent has not noticed', async () => {
    const { process, sessions } = room();
    process(20, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100 } });
    process(21, { title: 'sshd: anna@notty', parent: 20, user: ANNA, sockets: { 4: 100 } });
    expect(await addressesIn(sessions)).toEqual([FAR]);
    process(21, { parent: 1, user: ANNA, state: 'Z' });
    expect(await sessions.look()).toEqual([]);
  });

  test('guards nobody whose connection is over, or is none of TCP', async () => {
    const { process, connections, sessions } = room();
    process(20, { title: 'sshd: anna [priv]', parent: 10, sockets: { 4: 100 } });
    process(21, { title: 'sshd: anna@notty', parent: 20, user: ANNA, sockets: { 4: 100 } });
    connections({ 100: FAR }, '06');
    for (let i = 0; i < 5; i++) expect(await sessions.look()).toEqual([]);
  });
});

describe('the guards', () => {
  const ALL: GuardKinds = { sessions: true, gateway: true, resolvers: true };
  const DEFAULT_ROUTE = 'Iface\tDestination\tGateway\neth0\t00000000\t016433C6\t0003\t0\t0\t100\t00000000\t0\t0\t0\n';
  const SESSION = 'USER=anna\nSTATE=active\nTTY=pts/0\nREMOTE_HOST=203.0.113.7\n';

  function room(clock: Clock = fakeClock()) {
    const machine = fakeMachine();
    const told: (readonly Guard[])[] = [];
    const warnings: string[] = [];
    const kinds = { ...ALL };
    const guards = createGuards({ clock, kinds: () => kinds, onChange: (list) => told.push(list), warn: (message) => warnings.push(message), places: machine.places });
    const whys = (): Record<string, string> => Object.fromEntries(guards.list().map(({ prefix, why }) => [prefix, why]));
    return { ...machine, clock, told, warnings, kinds, guards, whys };
  }

  test('of a machine that tells nothing are none, and nothing is wrong with that', async () => {
    const { guards, told, warnings } = room();
    await guards.start();
    expect([guards.list(), told, warnings]).toEqual([[], [], []]);
  });

  test('have each address once, with all that it is', async () => {
    const r = room();
    r.routes(DEFAULT_ROUTE);
    r.write('resolvConf', 'nameserver 198.51.100.1\nnameserver 127.0.0.53\n');
    r.write('resolvedConf', 'nameserver 198.51.100.53\n');
    r.session('1', SESSION);
    r.session('2', SESSION.replace('TTY=pts/0', 'TTY=').replace('anna', 'bert'));
    r.process(4242, { name: 'login' });
    r.write('utmp', Buffer.concat([utmpRecord({ address: [203, 0, 113, 7] }), utmpRecord({ address: [203, 0, 113, 8], line: 'tty1' }), utmpRecord({ pid: 9999, address: [203, 0, 113, 9] })]));
    await r.guards.start();
    expect(r.whys()).toEqual({
      '127.0.0.53/32': `it is a resolver of ${r.places.resolvConf}`,
      '198.51.100.1/32': `it is the default gateway, and it is a resolver of ${r.places.resolvConf}`,
      '198.51.100.53/32': `it is a resolver of ${r.places.resolvedConf}`,
      '203.0.113.7/32': 'anna is logged in from there (pts/0), bert is logged in from there',
      '203.0.113.8/32': 'anna is logged in from there (tty1)',
    });
  });

  test('are told when they change, and only then', async () => {
    const r = room();
    r.session('1', SESSION);
    await r.guards.start();
    await r.guards.look();
    expect(r.told).toHaveLength(1);
    r.session('1', SESSION.replace('active', 'closing'));
    await r.guards.look();
    expect(r.told).toEqual([[{ prefix: '203.0.113.7/32', why: 'anna is logged in from there (pts/0)' }], []]);
  });

  test('are looked at again and again, and on demand at once', async () => {
    const clock = fakeClock();
    const r = room(clock);
    await r.guards.start();
    r.session('1', SESSION);
    clock.advance(3000);
    await r.guards.look();
    expect(r.guards.list()).toHaveLength(1);
    r.routes(DEFAULT_ROUTE);
    await Promise.all([r.guards.look(), r.guards.look(), r.guards.look()]);
    expect(r.guards.list()).toHaveLength(2);
    r.guards.stop();
    r.routes('');
    await r.guards.look();
    expect(r.guards.list()).toHaveLength(2);
  });

  test('are looked at when a line says that somebody has logged in, not once for each of a thousand logins', async () => {
    const clock = fakeClock();
    const r = room(clock);
    await r.guards.start();
    for (let i = 0; i < 1000; i++) r.guards.loggedIn();
    r.session('1', SESSION);
    clock.advance(100);
    await waitFor('the guard', () => r.guards.list().length === 1);
    r.session('2', SESSION.replace('203.0.113.7', '203.0.113.8'));
    clock.advance(600);
    await waitFor('the slow one', () => r.guards.list().length === 2);
    r.guards.stop();
  });

  test('are only of the kinds that are wanted', async () => {
    const r = room();
    r.routes(DEFAULT_ROUTE);
    r.session('1', SESSION);
    r.kinds.sessions = false;
    await r.guards.start();
    expect(Object.keys(r.whys())).toEqual(['198.51.100.1/32']);
    r.kinds.gateway = false;
    await r.guards.look();
    expect(r.whys()).toEqual({});
  });

  test('stay as they were while a file can’t be read, which is said once', async () => {
    const r = room();
    r.session('1', SESSION);
    await r.guards.start();
    // A folder can be read by root whatever its mode; one whose place a file has can’t.
    const { logind } = r.places;
    execFileSync('rm', ['-r', logind]);
    execFileSync('ln', ['-s', logind, logind]);
    await r.guards.look();
    await r.guards.look();
    expect(r.guards.list()).toHaveLength(1);
    expect(r.warnings).toEqual([expect.stringMatching(/^who is logged in by .* can't be read \(ELOOP.*what was last known of it stays guarded$/)]);
    execFileSync('rm', [logind]);
    await r.guards.look();
    expect(r.guards.list()).toEqual([]);
  });

  test('do not wait for a FIFO, and read no folder', async () => {
    const r = room();
    mkdirSync(r.places.utmp);
    execFileSync('mkfifo', [r.places.resolvConf]);
    r.session('1', SESSION);
    execFileSync('mkfifo', [join(r.places.logind, '2'), join(r.places.logind, '1.ref')]);
    chmodSync(r.places.resolvConf, 0o600);
    await r.guards.start();
    expect(r.guards.list()).toHaveLength(1);
    expect(r.warnings).toEqual([]);
  });
});

describe('a machine with 2,000 processes', () => {
  test('is looked at without holding the loop', async () => {
    const machine = fakeMachine();
    for (let pid = 1000; pid < 3000; pid++) {
      mkdirSync(join(machine.places.proc, String(pid)));
      writeFileSync(join(machine.places.proc, String(pid), 'comm'), 'worker\n');
    }
    const sessions = sshdSessions(systemClock, machine.places.proc);
    let longest = 0;
    let last = precise();
    let going = true;
    const turn = (): void => {
      const now = precise();
      longest = Math.max(longest, now - last);
      last = now;
      if (going) systemClock.soon(turn);
    };
    turn();
    const took: number[] = [];
    for (let i = 0; i < 5; i++) {
      const from = precise();
      await sessions.look();
      took.push(precise() - from);
    }
    going = false;
    console.log(`2,000 processes: looks of ${took.map((one) => one.toFixed(1)).join(', ')} ms, the loop stood still for at most ${longest.toFixed(1)} ms`);
    expect(longest).toBeLessThan(50);
  });

  test('and this machine is looked at as it is', async () => {
    const warnings: string[] = [];
    const guards = createGuards({ clock: systemClock, kinds: () => ({ sessions: true, gateway: true, resolvers: true }), onChange: () => undefined, warn: (message) => warnings.push(message), places: PLACES });
    await guards.look();
    guards.stop();
    expect(warnings).toEqual([]);
  });
});
