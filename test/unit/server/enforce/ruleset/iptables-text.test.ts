import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { ipsetCreateLines } from '../../../../../packages/server/src/enforce/ruleset/ipset-lines.ts';
import { isOurIpset, parseIpsets, shapeDiffers, wantedIpsets } from '../../../../../packages/server/src/enforce/ruleset/ipset-sets.ts';
import { iptablesState, wantedRules } from '../../../../../packages/server/src/enforce/ruleset/iptables-state.ts';
import { chainRules, installText, removalText } from '../../../../../packages/server/src/enforce/ruleset/iptables-text.ts';
import { parseSaved } from '../../../../../packages/server/src/enforce/ruleset/saved-tables.ts';
import { target } from '../../../../support/policies.ts';

const FULL = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

describe('the chain of iptables', () => {
  test('lets the loopback through, and with IPv6 the neighbours', () => {
    expect(chainRules([], 4)).toEqual(['-A banban -i lo -j RETURN']);
    expect(chainRules([], 6)).toEqual(['-A banban -i lo -j RETURN', ...[134, 135, 136].map((type) => `-A banban -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j RETURN`)]);
  });

  test('reads a list of xt_recent as long as the row is there, and notes that it was hit', () => {
    expect(chainRules([target('B')], 4).at(-1)).toBe('-A banban -m recent --update --name B --rsource -j DROP');
    expect(chainRules([target('B', { ipv6Prefix: 64 })], 6).at(-1)).toBe('-A banban -m recent --update --name B --mask ffff:ffff:ffff:ffff:: --rsource -j DROP');
    // With a mask, and loaded first, it would take away all but 32 bits of IPv6 addresses.
    expect(chainRules([target('B', { ipv6Prefix: 64 })], 4).at(-1)).not.toContain('--mask');
  });

  test('with seconds does not let the attacker renew his row', () => {
    expect(chainRules([target('B', { seconds: ms(90_500) })], 6).at(-1)).toBe(`-A banban -m recent --rcheck --seconds 90 --name B --mask ${FULL} --rsource -j DROP`);
  });

  test('reads both sets of ipset', () => {
    expect(chainRules([target('B', { backends: ['ipset', 'nftables'] })], 6).slice(4)).toEqual(['-A banban -m set --match-set banban-B-6 src -j DROP', '-A banban -m set --match-set banban-B-6n src -j DROP']);
  });

  test('is about ports before it looks, as packets have them and as they had them before NAT', () => {
    const mail = target('M', { ports: [{ first: 25, last: 25 }, { first: 587, last: 600 }], protocols: ['udp'] });
    expect(chainRules([mail], 4).slice(1)).toEqual(
      ['-m multiport --dports 25,587:600', '-m conntrack --ctorigdstport 25 --ctdir ORIGINAL', '-m conntrack --ctorigdstport 587:600 --ctdir ORIGINAL'].map((match) => `-A banban -p udp ${match} -m recent --update --name M --rsource -j DROP`),
    );
  });

  test('rejects TCP by a reset and the rest in words', () => {
    expect(chainRules([target('B', { action: 'reject' })], 4).slice(1)).toEqual([
      '-A banban -p tcp -m recent --update --name B --rsource -j REJECT --reject-with tcp-reset',
      '-A banban -m recent --update --name B --rsource -j REJECT --reject-with icmp-admin-prohibited',
    ]);
    const both = target('M', { action: 'reject', ports: [{ first: 53, last: 53 }], protocols: ['tcp', 'udp'] });
    expect(chainRules([both], 6).slice(4).map((rule) => rule.replace(/^-A banban -p (\w+) .*--reject-with/, '$1'))).toEqual(['tcp tcp-reset', 'tcp tcp-reset', 'udp icmp6-adm-prohibited', 'udp icmp6-adm-prohibited']);
  });

  test('is put in as one change, with a jump on top', () => {
    expect(installText([], 4, new Map([['INPUT', 2], ['FORWARD', 0]]))).toBe('*filter\n:banban - [0:0]\n-A banban -i lo -j RETURN\n-D INPUT -j banban\n-D INPUT -j banban\n-I INPUT 1 -j banban\n-I FORWARD 1 -j banban\nCOMMIT\n');
    expect(removalText(new Map([['INPUT', 1], ['FORWARD', 0]]), false)).toBe('*filter\n-D INPUT -j banban\n-F banban\n-X banban\nCOMMIT\n');
    expect(removalText(new Map(), true)).toBe('*filter\n-F banban\nCOMMIT\n');
  });
});

describe('the state of iptables', () => {
  const stateOf = (...lines: string[]) => iptablesState(parseSaved(`*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`).get('filter'));

  test('is right with one jump, and first', () => {
    expect(stateOf('-A INPUT -j banban', '-A INPUT -j ACCEPT').jumps.get('INPUT')).toEqual({ count: 1, isRight: true });
    expect(stateOf('-A INPUT -j ACCEPT', '-A INPUT -j banban').jumps.get('INPUT')).toEqual({ count: 1, isRight: false });
    expect(stateOf('-A INPUT -j banban', '-A INPUT -j banban').jumps.get('INPUT')).toEqual({ count: 2, isRight: false });
    expect(stateOf('-A INPUT -p tcp -j banban')).toMatchObject({ strangers: ['-A INPUT -p tcp -j banban'], rules: undefined });
  });

  test('knows its own rules in whatever order their options are printed', () => {
    const mine = target('B', { action: 'reject', seconds: ms(60_000) });
    const turned = chainRules([mine], 4).map((rule) => rule.replace('--rcheck --seconds 60 --name B', '--name B --seconds 60 --rcheck'));
    expect(turned).not.toEqual(chainRules([mine], 4));
    expect(stateOf(':banban - [0:0]', ...turned).rules).toEqual(wantedRules([mine], 4));
  });

  test('is nothing where there is no filter table', () => expect(iptablesState(undefined)).toMatchObject({ rules: undefined, strangers: [] }));
});

describe('the sets of ipset', () => {
  const mine = target('B', { backends: ['ipset'], ipv6Prefix: 64 });
  const list = (header: (name: string) => string): string => wantedIpsets([mine]).map(({ name }) => `Name: ${name}\nType: hash:${name.endsWith('n') ? 'net' : 'ip'}\nRevision: 6\nHeader: ${header(name)}\nSize in memory: 216\nReferences: 1\nNumber of entries: 0\n`).join('\n');
  const familyOf = (name: string): string => (name.includes('-4') ? 'inet' : 'inet6');

  test('are four for each target', () => {
    expect(ipsetCreateLines(mine)).toEqual([
      'create banban-B-4 hash:ip family inet maxelem 1048576 timeout 0 counters',
      'create banban-B-4n hash:net family inet maxelem 1048576 timeout 0 counters',
      'create banban-B-6 hash:ip family inet6 netmask 64 maxelem 1048576 timeout 0 counters',
      'create banban-B-6n hash:net family inet6 maxelem 1048576 timeout 0 counters',
    ]);
    expect(ipsetCreateLines(target('B'))[2]).not.toContain('netmask');
    expect(['banban-B-4', 'banban-B-6n', 'banban--4'].map(isOurIpset)).toEqual([true, true, false]);
    expect(['banban', 'banban-B', 'mine-4', 'banban-B-5'].some(isOurIpset)).toBe(false);
  });

  test('are known by what ipset lists of them', () => {
    const found = parseIpsets(list((name) => `family ${familyOf(name)} hashsize 1024 maxelem 65536${name.endsWith('6') ? ' netmask 64' : ''} timeout 0 counters bucketsize 12 initval 0x7f00b1a0`));
    for (const { name, shape } of wantedIpsets([mine])) expect(shapeDiffers(shape, found.get(name) ?? { ...shape, type: '' })).toBeUndefined();
  });

  test('that others have made otherwise are told apart', () => {
    const found = parseIpsets(list((name) => `family ${familyOf(name)} hashsize 1024 maxelem 65536 counters`));
    expect(wantedIpsets([mine]).map(({ name, shape }) => shapeDiffers(shape, found.get(name) ?? shape))).toEqual([
      'is "hash:ip inet counters" and has to be "hash:ip inet timeout counters"',
      'is "hash:net inet counters" and has to be "hash:net inet timeout counters"',
      'is "hash:ip inet6 counters" and has to be "hash:ip inet6 netmask 64 timeout counters"',
      'is "hash:net inet6 counters" and has to be "hash:net inet6 timeout counters"',
    ]);
  });
});
