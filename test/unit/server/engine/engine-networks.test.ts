/** The engine where bans are of networks: for one IPv6 customer, for many neighbours, by hand. */
import { FOREVER, instant, ms, NEVER, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../../packages/server/src/config/config.ts';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY, HOUR, pattern, policy, prefix, rule, target } from '../../../support/policies.ts';
import { subject, T0 } from '../../../support/records.ts';

const SECOND = 1000;
const UNIT = '2001:db8:1:2::/64';
const one = subject('2001:db8:1:2::1');
const byHand = (room: EngineRoom, texts: readonly string[], given: Partial<Parameters<EngineRoom['engine']['ban']>[0]> = {}) =>
  room.engine.ban({ subjects: texts.map(subject), target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann', ...given });
const unban = (room: EngineRoom, texts: readonly string[] | undefined, inTarget?: string) => room.engine.unban({ subjects: texts?.map(subject), target: inTarget, by: 'ann' });
const rows = (room: EngineRoom, list = 'BLOCKER'): string[] => [...(room.kernel.rows(list) ?? [])].sort();
const windowsOf = (room: EngineRoom, who: Subject) => room.engine.history(who).windows.map((w) => `${w.rule} ${w.matches}`);
const endings = (room: EngineRoom, who: string) => room.engine.history(subject(who)).endedBans.map((b) => `${b.address} ${b.endedBy}`);

describe('a target with ipv6_prefix', () => {
  const units = (given: Partial<Config> = {}, ...more: Parameters<typeof target>[1][]) => engineRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64, ...more[0] })], ...given });
  const three = [failed('2001:db8:1:2::1'), failed('2001:db8:1:2:ffff::2'), failed('2001:DB8:1:2::3')];

  test('has three tries from three addresses of one network fill one window, and the network banned', () => {
    const room = units();
    room.hear(...three.slice(0, 2));
    expect([room.banned(), windowsOf(room, one)]).toEqual([[], ['ssh 2']]);
    room.hear(...three.slice(2));
    expect(room.banned()).toEqual([`BLOCKER ${UNIT}`]);
    expect(rows(room), 'xt_recent has it where the rule has the mask').toEqual([UNIT]);
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    expect(room.engine.history(one)).toMatchObject({ bans: [{ address: UNIT, level: 1, origin: { name: 'ssh' } }], offences: [{ address: UNIT, lines: { length: 3 } }], windows: [] });
    expect(room.engine.enforcementOf(room.ban('BLOCKER', subject(UNIT)))).toBe('held');
  });

  test('tells networks apart, and leaves IPv4 addresses addresses', () => {
    const room = units();
    room.hear(...three.slice(0, 2), failed('2001:db8:1:3::1'), failed('192.0.2.1'), failed('192.0.2.2'), failed('192.0.2.3'));
    expect(room.banned()).toEqual([]);
    room.hear(failed('192.0.2.1'), failed('192.0.2.1'));
    expect(room.banned()).toEqual(['BLOCKER 192.0.2.1']);
  });

  test('has the next offence of the network, from whichever address, be its second', () => {
    const room = units();
    room.hear(...three);
    room.clock.advance(HOUR);
    expect(room.banned()).toEqual([]);
    room.hear(...Array.from({ length: 3 }, () => failed('2001:db8:1:2::ffff')));
    expect(room.ban('BLOCKER', subject(UNIT))).toMatchObject({ level: 2, until: instant(T0 + HOUR + DAY) });
    room.restart();
    expect(room.banned()).toEqual([`BLOCKER ${UNIT}`]);
  });

  test('has a good line of one address end the network’s ban and forget its window', () => {
    const room = units();
    room.hear(...three, ...three.slice(0, 2));
    expect(windowsOf(room, one)).toEqual(['ssh 2']);
    room.hear(accepted('2001:db8:1:2::abcd'));
    expect([room.banned(), rows(room), windowsOf(room, one)]).toEqual([[], [], []]);
    expect(endings(room, '2001:db8:1:2::1')).toEqual([`${UNIT} pardoned`]);
  });

  test('has a good line of another network end nothing', () => {
    const room = units();
    room.hear(...three);
    room.hear(accepted('2001:db8:1:3::1'));
    expect(room.banned()).toEqual([`BLOCKER ${UNIT}`]);
  });

  test('has an unban of one address end the network’s ban, say in which target, and forget its window', () => {
    const room = units();
    room.hear(...three, failed('2001:db8:1:2::9'));
    expect(unban(room, ['2001:db8:1:2::77'])).toEqual([{ subject: '2001:db8:1:2::77', targets: ['BLOCKER'], unreleased: [], heldBy: [] }]);
    expect([room.banned(), rows(room), windowsOf(room, one)]).toEqual([[], [], []]);
    expect(endings(room, '2001:db8:1:2::77')).toEqual([`${UNIT} unbanned`]);
  });

  test('never bans a network with an allow-listed address in it; the offence says which', () => {
    const room = units({ allowlist: [prefix('2001:db8:1:2::42/128')] });
    room.hear(...three);
    expect([room.banned(), rows(room)]).toEqual([[], []]);
    expect(room.engine.history(one).offences).toMatchObject([{ address: UNIT, decision: 'none', reason: 'allowed by 2001:db8:1:2::42/128' }]);
    expect(byHand(room, ['2001:db8:1:2::1'])).toEqual([{ subject: UNIT, outcome: 'refused', allowedBy: '2001:db8:1:2::42/128' }]);
  });

  test('has a ban end when an address in it is allowed by a reload', () => {
    const room = units();
    room.hear(...three);
    room.engine.reload(policy({ targets: [target('BLOCKER', { ipv6Prefix: 64 })], allowlist: [prefix('2001:db8:1:2::42/128')] }));
    expect([room.banned(), rows(room)]).toEqual([[], []]);
    expect(endings(room, '2001:db8:1:2::42')).toEqual([`${UNIT} allowlisted`]);
  });

  test('has addresses banned by hand widened, once for each network', () => {
    const room = units();
    expect(byHand(room, ['2001:db8:1:2::1', '2001:db8:1:2::2', '192.0.2.1'])).toMatchObject([{ subject: UNIT, outcome: 'banned', enforcement: 'held' }, { subject: '192.0.2.1', outcome: 'banned' }]);
    expect(room.banned()).toEqual([`BLOCKER ${UNIT}`, 'BLOCKER 192.0.2.1']);
  });

  test('bans in it and in one without it are the address’s own, each in its way, and end together', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64 }), target('THROTTLE')], rules: [rule('ssh', { occurrences: 1 }), rule('quick', { target: 'THROTTLE', occurrences: 1 })] });
    room.hear(failed('2001:db8:1:2::1'));
    expect(room.banned()).toEqual([`BLOCKER ${UNIT}`, 'THROTTLE 2001:db8:1:2::1']);
    room.hear(accepted('2001:db8:1:2::1'));
    expect(room.banned()).toEqual([]);
  });

  test('does not make the ban of another target’s network its own', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64 }), target('NETS', { backends: ['nftables'] })] });
    room.hear(...three);
    byHand(room, [UNIT], { target: 'NETS' });
    expect(unban(room, ['2001:db8:1:2::1'])).toMatchObject([{ targets: ['BLOCKER'], heldBy: [{ address: UNIT, target: 'NETS', origin: { kind: 'manual' } }] }]);
    expect(room.banned()).toEqual([`NETS ${UNIT}`]);
  });

  test('that it gets by a reload keeps the bans of before, which an unban finds', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] })] });
    byHand(room, ['2001:db8:1:2::1']);
    room.engine.reload(policy({ targets: [target('BLOCKER', { backends: ['nftables'], ipv6Prefix: 64 })] }));
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([['BLOCKER 2001:db8:1:2::1'], ['2001:db8:1:2::1']]);
    room.hear(...three);
    expect(room.banned()).toEqual(['BLOCKER 2001:db8:1:2::1', `BLOCKER ${UNIT}`]);
    expect(unban(room, ['2001:db8:1:2::1'])).toMatchObject([{ targets: ['BLOCKER', 'BLOCKER'], heldBy: [] }]);
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([[], []]);
  });
});

describe('a target with network_after', () => {
  const rules = [rule('ssh', { occurrences: 1 }), rule('short', { occurrences: 1, ban: [ms(60 * SECOND)], badPatterns: [pattern(String.raw`sshd\[\d+\]: short from <ip>$`)] })];
  const NET = '192.0.2.0/24';
  const many = (given: Partial<Config> = {}) => engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'], networkAfter: 3 })], rules, ...given });
  const net = (room: EngineRoom) => room.engine.bans().find((b) => b.address === NET);

  test('bans the network with the very address that makes them so many, for as long, and says why', () => {
    const room = many();
    room.hear(failed('192.0.2.1'), failed('192.0.2.2'));
    expect(room.banned()).toHaveLength(2);
    room.clock.advance(60 * SECOND);
    room.hear(failed('192.0.2.77'));
    const at = instant(T0 + 60 * SECOND);
    expect(net(room)).toEqual({ id: 4, address: NET, target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: undefined, reason: '3 banned addresses in this network, the last one 192.0.2.77', since: at, until: instant(at + HOUR), connections: 0 });
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    expect(rows(room, 'BLOCKER nftables')).toEqual(['192.0.2.0/24', '192.0.2.1', '192.0.2.2', '192.0.2.77']);
    expect(room.log.said.at(-1)).toMatchObject({ event: 'ban', fields: { address: NET, rule: 'ssh' } });
  });

  test('counts as exactly when they come in one delivery', () => {
    const room = many();
    room.engine.deliver(Buffer.from([failed('192.0.2.1'), failed('192.0.2.2'), 'short from 192.0.2.3'].map((m) => `<38>Jan  2 03:04:05 host sshd[1]: ${m}\n`).join('')), room.clock.now());
    room.clock.turn();
    expect(net(room)).toMatchObject({ origin: { name: 'short' }, until: instant(T0 + 60 * SECOND), reason: expect.stringMatching(/^3 .* 192\.0\.2\.3$/) });
  });

  test('counts addresses that are banned, each once, whoever banned them, and in the target alone', () => {
    const room = many({ targets: [target('BLOCKER', { backends: ['nftables'], networkAfter: 3 }), target('OTHER')] });
    byHand(room, ['192.0.2.1', '192.0.2.2'], { target: 'OTHER' });
    byHand(room, ['192.0.2.3', '192.0.2.128/25']);
    room.hear(failed('192.0.2.4'), failed('192.0.2.4'), failed('192.0.3.1'));
    expect(net(room)).toBeUndefined();
    unban(room, ['192.0.2.3']);
    room.hear(failed('192.0.2.5'));
    expect(net(room), 'one was set free').toBeUndefined();
    byHand(room, ['192.0.2.6']);
    expect(net(room), 'a person means what they say').toBeUndefined();
    room.hear(failed('192.0.2.7'));
    expect(net(room)).toMatchObject({ reason: expect.stringMatching(/^4 /) });
  });

  test('no more counts those whose ban has ended', () => {
    const room = many();
    room.hear('short from 192.0.2.1', 'short from 192.0.2.2');
    room.clock.advance(60 * SECOND);
    room.hear(failed('192.0.2.3'), failed('192.0.2.4'));
    expect(net(room)).toBeUndefined();
    room.hear(failed('192.0.2.5'));
    expect(net(room)).toBeDefined();
  });

  test('makes the network’s ban longer with each that is longer, and never shorter', () => {
    const room = many();
    for (const last of [1, 2, 3]) room.hear(`short from 192.0.2.${last}`);
    expect(net(room)?.until).toBe(T0 + 60 * SECOND);
    room.clock.advance(30 * SECOND);
    room.hear('short from 192.0.2.4');
    expect(net(room)).toMatchObject({ id: 4, until: T0 + 90 * SECOND });
    room.hear(failed('192.0.2.5'));
    expect(net(room)).toMatchObject({ id: 4, since: T0, until: T0 + 30 * SECOND + HOUR, reason: expect.stringMatching(/^5 .* 192\.0\.2\.5$/) });
    room.hear('short from 192.0.2.6');
    expect(net(room)?.until).toBe(T0 + 30 * SECOND + HOUR);
  });

  test('does so for a /64 of IPv6', () => {
    const room = many();
    room.hear(...['::1', '::2', ':ffff::3'].map((tail) => failed(`2001:db8:1:2${tail}`)));
    expect(room.banned()).toContain(`BLOCKER ${UNIT}`);
  });

  test('spares a network in which an address is allowed, and says so once an hour', () => {
    const room = many({ allowlist: [prefix('192.0.2.200/32')] });
    for (let last = 1; last < 9; last++) room.hear(failed(`192.0.2.${last}`));
    expect(net(room)).toBeUndefined();
    expect(room.log.said.filter((s) => s.event === 'network_not_banned').map((s) => s.fields)).toEqual([{ address: NET, target: 'BLOCKER', rule: 'ssh', reason: 'the allow list has 192.0.2.200/32' }]);
  });

  test('keeps a person’s ban of the network a person’s', () => {
    const room = many();
    byHand(room, [NET], { length: ms(SECOND), reason: 'scans' });
    for (const last of [1, 2, 3]) room.hear(failed(`192.0.2.${last}`));
    expect(net(room)).toMatchObject({ id: 1, origin: { kind: 'manual', name: 'ann' }, until: T0 + HOUR });
  });

  test('is content with a wider network that is banned for as long', () => {
    const room = many();
    byHand(room, ['192.0.0.0/16'], { length: FOREVER });
    for (const last of [1, 2, 3]) room.hear(failed(`192.0.2.${last}`));
    expect(net(room)).toBeUndefined();
  });

  test('keeps the network banned when a good line frees one of the addresses, and names it to who frees another', () => {
    const room = many();
    for (const last of [1, 2, 3]) room.hear(failed(`192.0.2.${last}`));
    room.hear(accepted('192.0.2.1'));
    expect(room.banned().sort()).toEqual(['BLOCKER 192.0.2.0/24', 'BLOCKER 192.0.2.2', 'BLOCKER 192.0.2.3']);
    expect(unban(room, ['192.0.2.2'])).toMatchObject([{ targets: ['BLOCKER'], heldBy: [{ address: NET }] }]);
    expect(unban(room, ['192.0.2.99'])).toMatchObject([{ targets: [], heldBy: [{ address: NET }] }]);
    expect(unban(room, [NET])).toMatchObject([{ subject: NET, targets: ['BLOCKER'], heldBy: [] }]);
    expect(room.banned()).toEqual(['BLOCKER 192.0.2.3']);
  });

  test('still knows its neighbours after a reload and a restart', () => {
    const room = many();
    room.hear(failed('192.0.2.1'), failed('192.0.2.2'));
    room.restart();
    room.engine.reload(room.engine.policy);
    room.hear(failed('192.0.2.3'));
    expect(net(room)).toBeDefined();
  });

  test('bans it also while the database can’t be written, and it is written later', () => {
    const room = many();
    room.whileUnwritable(() => {
      for (const last of [1, 2, 3]) room.hear(failed(`192.0.2.${last}`));
      expect(net(room)?.id).toBeLessThan(0);
      expect(rows(room, 'BLOCKER nftables')).toContain(NET);
    });
    room.clock.advance(2 * SECOND);
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    expect(net(room)?.id).toBeGreaterThan(0);
  });

  test('cuts the connections of the network where the rule does', () => {
    const room = many({ rules: [rule('ssh', { occurrences: 1, resetconns: true })] });
    for (const last of [1, 2, 3]) room.hear(failed(`192.0.2.${last}`));
    expect(room.cuts.map((cut) => cut.subjects)).toEqual([['192.0.2.1'], ['192.0.2.2'], ['192.0.2.3'], [NET]]);
  });
});

describe('a network banned by hand', () => {
  const nets = (given: Partial<Config> = {}) => engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] }), target('HOSTS')], ...given });

  test('is held, and beats no rule: its addresses are banned beside it, and stay when it ends', () => {
    const room = nets();
    expect(byHand(room, ['192.0.2.0/24'], { length: ms(60 * SECOND) })).toMatchObject([{ subject: '192.0.2.0/24', outcome: 'banned', enforcement: 'held', within: [] }]);
    room.hear(failed('192.0.2.1'), failed('192.0.2.1'), failed('192.0.2.1'));
    expect(room.banned()).toEqual(['BLOCKER 192.0.2.0/24', 'BLOCKER 192.0.2.1']);
    room.clock.advance(60 * SECOND);
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([['BLOCKER 192.0.2.1'], ['192.0.2.1']]);
  });

  test('that no list of the target can hold is refused with the reason, and nothing is stored', () => {
    const room = nets();
    expect(byHand(room, ['192.0.2.0/24', '192.0.2.1'], { target: 'HOSTS' })).toMatchObject([{ subject: '192.0.2.0/24', outcome: 'refused', allowedBy: undefined, message: '192.0.2.0/24 can’t be had in HOSTS' }, { subject: '192.0.2.1', outcome: 'banned' }]);
    expect(room.store.activeBans()).toHaveLength(1);
  });

  test('that shares an address with the allow list is refused, whichever of the two is wider', () => {
    const room = nets({ allowlist: [prefix('192.0.2.77/32'), prefix('10.0.0.0/8')] });
    expect(byHand(room, ['192.0.2.0/24', '10.1.0.0/16', '192.0.3.0/24'])).toMatchObject([{ allowedBy: '192.0.2.77/32' }, { allowedBy: '10.0.0.0/8' }, { outcome: 'banned' }]);
  });

  test('in a wider one is banned, held by it, and says so; the wide one’s end leaves it', () => {
    const room = nets();
    byHand(room, ['192.0.0.0/16'], { length: ms(60 * SECOND) });
    expect(byHand(room, ['192.0.2.0/24', '192.0.2.1'], { length: FOREVER })).toMatchObject([{ outcome: 'banned', enforcement: 'held', within: [{ address: '192.0.0.0/16' }] }, { within: [{ address: '192.0.0.0/16' }, { address: '192.0.2.0/24' }] }]);
    expect(rows(room, 'BLOCKER nftables')).toEqual(['192.0.0.0/16', '192.0.2.1']);
    room.clock.advance(60 * SECOND);
    expect(rows(room, 'BLOCKER nftables')).toEqual(['192.0.2.0/24', '192.0.2.1']);
    expect(room.ban('BLOCKER', subject('192.0.2.0/24')).until).toBe(NEVER);
  });

  test('is unbanned as a whole; a part of it is said to be held by it still', () => {
    const room = nets();
    byHand(room, ['192.0.2.0/24', '192.0.2.1']);
    byHand(room, ['192.0.2.1'], { target: 'HOSTS' });
    expect(unban(room, ['192.0.2.0/25'])).toMatchObject([{ targets: [], heldBy: [{ address: '192.0.2.0/24' }] }]);
    expect(unban(room, ['192.0.2.1'], 'HOSTS'), 'in that target nothing holds it').toMatchObject([{ targets: ['HOSTS'], heldBy: [] }]);
    expect(unban(room, ['192.0.2.1'])).toMatchObject([{ targets: ['BLOCKER'], heldBy: [{ address: '192.0.2.0/24', target: 'BLOCKER' }] }]);
    expect(unban(room, undefined)).toMatchObject([{ subject: '192.0.2.0/24', targets: ['BLOCKER'], heldBy: [] }]);
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([[], []]);
  });

  test('shows in the history of every address in it, and that of an address not in its', () => {
    const room = nets();
    byHand(room, ['192.0.2.0/24', '192.0.2.1']);
    expect(room.engine.history(subject('192.0.2.99')).bans.map((b) => b.address)).toEqual(['192.0.2.0/24']);
    expect(room.engine.history(subject('192.0.2.1')).bans.map((b) => b.address)).toEqual(['192.0.2.1', '192.0.2.0/24']);
    expect(room.engine.history(subject('192.0.2.0/24')).bans.map((b) => b.address)).toEqual(['192.0.2.0/24']);
  });

  test('ends when an address in it is allowed by a reload', () => {
    const room = nets();
    byHand(room, ['192.0.2.0/24', '192.0.2.1']);
    room.engine.reload(policy({ targets: [target('BLOCKER', { backends: ['nftables'] })], allowlist: [prefix('192.0.2.77/32')] }));
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([['BLOCKER 192.0.2.1'], ['192.0.2.1']]);
  });

  test('is put back by a start, narrow ones in wide ones as before', () => {
    const room = nets();
    byHand(room, ['192.0.2.0/24', '192.0.0.0/16', '2001:db8::/32']);
    room.clock.crash(0);
    room.kernel.empty('BLOCKER nftables');
    room.restart();
    expect(rows(room, 'BLOCKER nftables')).toEqual(['192.0.0.0/16', '2001:db8::/32']);
    expect(room.engine.targetStates()[0]).toMatchObject({ state: 'ok', bans: 3, held: 3 });
  });
});
