import { FOREVER, ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { TargetConfig } from '../../../../../packages/server/src/config/config.ts';
import type { RulesFacts } from '../../../../../packages/server/src/enforce/firewall.ts';
import type { Evidence, SavedBy } from '../../../../../packages/server/src/enforce/ruleset/evidence.ts';
import { diagnose } from '../../../../../packages/server/src/enforce/ruleset/findings.ts';
import { chainRules } from '../../../../../packages/server/src/enforce/ruleset/iptables-text.ts';
import { parseSaved } from '../../../../../packages/server/src/enforce/ruleset/saved-tables.ts';
import { target } from '../../../../support/policies.ts';

const MASK = { 4: '255.255.255.255', 6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' } as const;
const look = (family: 4 | 6, options = '', name = 'BLOCKER'): string => `-m recent --rcheck ${options === '' ? '' : `${options} `}--name ${name} --mask ${MASK[family]} --rsource -j DROP`;
const good = (family: 4 | 6): string[] => [`-A INPUT ${look(family)}`];

const savedBy = (family: 4 | 6, lines: readonly string[], variant: 'nft' | 'legacy' = 'nft', name = family === 4 ? 'iptables' : 'ip6tables'): SavedBy => ({
  iptables: { family, variant, name },
  saved: { isDone: true, tables: parseSaved(`*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`) },
});

interface Given extends Partial<Evidence> {
  readonly v4?: readonly string[];
  readonly v6?: readonly string[];
  readonly facts?: Partial<RulesFacts>;
}

function findings(targets: readonly TargetConfig[], { v4 = good(4), v6 = good(6), facts = {}, ...evidence }: Given = {}) {
  return diagnose(targets, { nft: undefined, nftRules: undefined, ipset: undefined, usesIpv6: true, hasKnownMask: () => true, recentRows: 10_000, iptables: { main: [savedBy(4, v4), savedBy(6, v6)], others: [] }, ...evidence }, { managed: false, ...facts });
}

const BLOCKER = target('BLOCKER', { ban: [ms(3_600_000), ms(86_400_000)] });
const codes = (given: Given = {}, one: TargetConfig = BLOCKER): string[] => findings([one], given).map(({ severity, code }) => `${severity} ${code}`);

test('rules that are right are nothing to talk about', () => expect(findings([BLOCKER])).toEqual([]));

test('a target of programs or files needs no rule', () => expect(findings([target('X', { backends: ['hosts_deny'] })], { v4: [], v6: [] })).toEqual([]));

describe('a list that nobody reads', () => {
  test('in either family: no-rule', () => {
    expect(findings([BLOCKER], { v4: [], v6: [] })).toMatchObject([{ severity: 'error', code: 'no-rule', target: 'BLOCKER', backend: 'xt_recent', message: 'no rule reads the list BLOCKER; bans of the target BLOCKER do nothing there' }]);
    expect(codes({ v4: [], v6: [], usesIpv6: false })).toEqual(['error no-rule']);
  });

  test('although a rule names it, which no packet gets to: no-rule', () => {
    const own = [':banban - [0:0]', ...chainRules([BLOCKER], 4)];
    const [first] = findings([BLOCKER], { v4: own, v6: [], facts: { managed: true } });
    expect(first).toMatchObject({ code: 'no-rule', message: 'a rule names the list BLOCKER, but no packet gets to it: nothing jumps to its chain from where packets come in; bans of the target BLOCKER do nothing there' });
    expect(codes({ v4: [...own, '-A INPUT -j banban'], facts: { managed: true } })).toEqual([]);
  });

  test('in one family, where the machine has the other as well: forgotten', () => {
    expect(codes({ v6: [] })).toEqual(['error ipv6-forgotten']);
    expect(codes({ v4: [] })).toEqual(['error ipv4-forgotten']);
    expect(codes({ v6: [], usesIpv6: false })).toEqual([]);
  });

  test('but in the other variant of iptables, is read', () => {
    expect(codes({ v4: [], iptables: { main: [savedBy(4, []), savedBy(6, good(6))], others: [savedBy(4, good(4), 'legacy', 'iptables-legacy')] } })).toEqual(['warning both-iptables']);
  });

  test('for where packets go to: wrong-direction', () => {
    const wrong = good(4).map((line) => line.replace('--rsource', '--rdest'));
    expect(findings([BLOCKER], { v4: wrong })).toMatchObject([{ code: 'wrong-direction', remedy: 'write --rsource in place of --rdest in the rule' }]);
    expect(codes({ v4: [...wrong, ...good(4)] })).toEqual([]);
  });
});

describe('a rule that comes too late', () => {
  const after = (...before: string[]): Given => ({ v4: [...before.map((rule) => `-A INPUT ${rule}`), ...good(4)] });

  test('after an ACCEPT for all, or for a port', () => {
    expect(findings([BLOCKER], after('-p tcp -m tcp --dport 22 -j ACCEPT'))).toMatchObject([
      { severity: 'error', code: 'rule-after-accept', message: `the rule "-A INPUT ${look(4)}" (iptables, filter INPUT) comes after "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", which lets banned addresses through before it` },
    ]);
    expect(codes(after('-j ACCEPT'))).toEqual(['error rule-after-accept']);
    expect(codes(after('-i lo -j ACCEPT', '-p icmp -j ACCEPT', '-s 192.0.2.0/24 -j ACCEPT'))).toEqual([]);
  });

  test('but not where ports of others are accepted', () => {
    const mail = target('BLOCKER', { ban: [ms(1000)], ports: [{ first: 25, last: 25 }] });
    expect(codes(after('-p tcp -m tcp --dport 22 -j ACCEPT'), mail)).toEqual([]);
    expect(codes(after('-p tcp -m tcp --dport 20:30 -j ACCEPT'), mail)).toEqual(['error rule-after-accept']);
    expect(codes(after('-p udp -m udp --dport 25 -j ACCEPT'), mail)).toEqual([]);
    expect(codes({ v4: ['-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT', `-A INPUT -p tcp -m tcp --dport 25 ${look(4)}`] })).toEqual([]);
  });

  test('but not when another one reads it before', () => {
    expect(codes({ v4: [...good(4), '-A INPUT -j ACCEPT', ...good(4)] })).toEqual([]);
  });

  test('after open connections were accepted: an error, or with resetconns a warning', () => {
    const established = after('-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT');
    expect(codes(established)).toEqual(['error established-before-block']);
    expect(codes({ ...established, facts: { resetting: new Set(['BLOCKER']) } })).toEqual(['warning established-before-block']);
    expect(codes({ ...established, facts: { resetting: new Set(['OTHER']) } })).toEqual(['error established-before-block']);
    const mail = target('BLOCKER', { ban: [ms(1000)], ports: [{ first: 25, last: 25 }] });
    expect(codes(established, mail)).toEqual(['error established-before-block']);
  });

  test('both are told', () => expect(codes(after('-m state --state ESTABLISHED -j ACCEPT', '-j ACCEPT'))).toEqual(['error rule-after-accept', 'error established-before-block']));
});

describe('a rule that does not match as banband writes', () => {
  const v4 = (options: string): Given => ({ v4: [`-A INPUT ${look(4, options)}`] });

  test('for as long as a ban lasts: seconds-too-short', () => {
    expect(findings([BLOCKER], v4('--seconds 3600'))).toMatchObject([{ severity: 'error', code: 'seconds-too-short', message: expect.stringContaining('stops matching 3600 s after a ban began, and bans of BLOCKER last up to 1d') as string }]);
    expect(codes(v4('--seconds 86400'))).toEqual([]);
    expect(findings([target('BLOCKER', { ban: [FOREVER] })], v4('--seconds 86400'))[0]?.message).toContain('last up to for ever');
  });

  test('for as long as the target says', () => {
    const minute = target('BLOCKER', { ban: [FOREVER], seconds: ms(60_000) });
    expect(codes({ v4: [`-A INPUT ${look(4, '--seconds 60')}`] }, minute)).toEqual([]);
    expect(codes(v4('--seconds 30'), minute)).toEqual(['error seconds-too-short']);
    expect(codes(v4('--seconds 90'), minute)).toEqual(['warning seconds-differ']);
    expect(codes({}, minute)).toEqual([]);
  });

  test('once: hitcount-too-high', () => {
    expect(codes(v4('--hitcount 3'))).toEqual(['error hitcount-too-high']);
    expect(codes(v4('--hitcount 1'))).toEqual([]);
  });

  test('with the mask of the target: mask-differs', () => {
    const masked = (mask: string): Given => ({ v6: good(6).map((line) => line.replace(MASK[6], mask)) });
    expect(codes(masked('ffff:ffff:ffff:ffff::'))).toEqual(['error mask-differs']);
    expect(codes(masked('ffff:ffff:ffff:ffff::'), target('BLOCKER', { ban: [ms(1000)], ipv6Prefix: 64 }))).toEqual([]);
    expect(codes({}, target('BLOCKER', { ban: [ms(1000)], ipv6Prefix: 64 }))).toEqual(['error mask-differs']);
    expect(codes({ v4: good(4).map((line) => line.replace(MASK[4], '255.255.255.0')) })).toEqual(['error mask-differs']);
    expect(codes({ v6: good(6).map((line) => line.replace(` --mask ${MASK[6]}`, '')) })).toEqual([]);
  });
});

describe('lists of xt_recent', () => {
  test('that IPv4 and IPv6 share, whose mask nobody knows: mask-unknown', () => {
    const unknown = { hasKnownMask: () => false };
    expect(codes(unknown)).toEqual(['warning mask-unknown']);
    expect(codes({ ...unknown, usesIpv6: false })).toEqual([]);
    expect(codes({ ...unknown, v6: [] })).toEqual(['error ipv6-forgotten']);
  });

  test('that are too small: a warning, and an error when bans are left out', () => {
    expect(findings([BLOCKER], { recentRows: 100 })).toMatchObject([{ severity: 'warning', code: 'table-too-small', target: undefined, remedy: expect.stringContaining('ip_list_tot=10000') as string }]);
    expect(findings([BLOCKER], { recentRows: 10_000, facts: { bans: new Map([['BLOCKER', 20_000]]) } })).toMatchObject([{ severity: 'error', code: 'table-too-small', target: 'BLOCKER', remedy: expect.stringContaining('ip_list_tot=65536') as string }]);
    expect(codes({ recentRows: 1000 })).toEqual([]);
    expect(codes({ recentRows: undefined })).toEqual([]);
  });
});

describe('what can’t be looked at', () => {
  const failing = (isMissing: boolean) => ({ isDone: false, isMissing, message: isMissing ? 'the program x is not installed' : 'x failed (1)' }) as const;
  const of = (family: 4 | 6, isMissing: boolean): SavedBy => ({ iptables: { family, variant: undefined, name: 'x' }, saved: failing(isMissing) });

  test('is said, and nothing is concluded from it', () => {
    expect(codes({ iptables: { main: [of(4, true), of(6, true)], others: [] } })).toEqual(['error program-missing', 'warning program-missing']);
    expect(codes({ iptables: { main: [of(4, false), of(6, false)], others: [] } })).toEqual(['error program-failed', 'warning program-failed']);
    expect(codes({ iptables: undefined, nft: failing(true) }, target('B', { backends: ['nftables'] }))).toEqual(['error program-missing']);
    expect(codes({ ipset: failing(true), v4: ['-A INPUT -m set --match-set banban-B-4 src -j DROP', '-A INPUT -m set --match-set banban-B-4n src -j DROP'], usesIpv6: false }, target('B', { backends: ['ipset'] }))).toEqual(['error program-missing']);
  });

  test('of IPv6, where there is none, is no matter', () => {
    expect(codes({ usesIpv6: false, iptables: { main: [savedBy(4, good(4)), of(6, true)], others: [] } })).toEqual([]);
    expect(codes({ iptables: { main: [savedBy(4, good(4)), of(6, true)], others: [] } })).toEqual(['warning program-missing']);
  });
});

describe('sets of ipset', () => {
  const mine = target('B', { backends: ['ipset'] });
  const rules = (family: 4 | 6, ...sets: string[]): string[] => sets.map((set) => `-A INPUT -m set --match-set banban-B-${family}${set} src -j DROP`);
  const shape = { type: 'hash:ip', family: 'inet', netmask: undefined, hasTimeout: true, hasCounters: true };
  const sets = new Map([['banban-B-4', shape], ['banban-B-4n', { ...shape, type: 'hash:net' }], ['banban-B-6', { ...shape, family: 'inet6' }], ['banban-B-6n', { ...shape, type: 'hash:net', family: 'inet6' }]]);
  const all: Given = { v4: rules(4, '', 'n'), v6: rules(6, '', 'n'), ipset: { isDone: true, sets } };

  test('have to be read all, be there, and be of the right kind', () => {
    expect(codes(all, mine)).toEqual([]);
    expect(codes({ ...all, v4: rules(4, ''), v6: rules(6, '') }, mine)).toEqual(['error no-rule']);
    expect(findings([mine], { ...all, ipset: { isDone: true, sets: new Map([...sets].slice(1)) } })).toMatchObject([{ code: 'no-set', message: 'ipset has no set banban-B-4' }]);
    expect(codes({ ...all, ipset: { isDone: true, sets: new Map([...sets, ['banban-B-6', shape]]) } }, mine)).toEqual(['error set-flags']);
    expect(codes({ ...all, v4: rules(4, '', 'n').map((line) => line.replace(' src', ' dst')) }, mine)).toEqual(['error wrong-direction', 'error wrong-direction']);
  });
});

test('rules of banban’s own that nobody keeps: not-managed', () => {
  const own: Given = { v4: [':banban - [0:0]', ...chainRules([BLOCKER], 4), '-A INPUT -j banban'], v6: [':banban - [0:0]', ...chainRules([BLOCKER], 6), '-A INPUT -j banban'] };
  expect(codes(own)).toEqual(['warning not-managed']);
  expect(codes({ ...own, facts: { managed: true } })).toEqual([]);
});

test('a rule in a sentence is one line, and not a long one', () => {
  const [first] = findings([BLOCKER], { v4: [`-A INPUT -m comment --comment "a\n\u001b[31m${'x'.repeat(500)}" ${look(4, '--hitcount 3')}`] });
  expect(first?.message).not.toMatch(/\p{Cc}/u);
  expect(first?.message.length).toBeLessThan(400);
});

test('errors come first', () => {
  expect(findings([BLOCKER], { recentRows: 100, v4: [], v6: [] }).map(({ severity }) => severity)).toEqual(['error', 'warning']);
});
