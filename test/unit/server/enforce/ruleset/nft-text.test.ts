import { FOREVER, ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { ipv6Mask } from '../../../../../packages/server/src/enforce/ruleset/ipv6-mask.ts';
import { nftDifferences } from '../../../../../packages/server/src/enforce/ruleset/nft-differences.ts';
import { parseNft, type ListedTable } from '../../../../../packages/server/src/enforce/ruleset/nft-listing.ts';
import { isMark, nftText, wantedChains, wantedSets } from '../../../../../packages/server/src/enforce/ruleset/nft-text.ts';
import type { TargetConfig } from '../../../../../packages/server/src/config/config.ts';
import { target } from '../../../../support/policies.ts';

const nft = (name: string, given: Partial<TargetConfig> = {}): TargetConfig => target(name, { backends: ['nftables'], ban: [ms(1000), FOREVER], ...given });
const rulesOf = (targets: readonly TargetConfig[], chain: string): string[] => (wantedChains(targets).find(({ name }) => name === chain)?.rules ?? []).map(({ text }) => text);

test.each([[32, 'ffff:ffff::'], [33, 'ffff:ffff:8000::'], [48, 'ffff:ffff:ffff::'], [60, 'ffff:ffff:ffff:fff0::'], [64, 'ffff:ffff:ffff:ffff::'], [127, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe'], [128, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']])('an IPv6 mask of %i bits is %s', (bits, mask) =>
  expect(ipv6Mask(bits)).toBe(mask));

describe('the rules of nftables', () => {
  test('of a target: its four sets, dropped from', () => {
    expect(rulesOf([nft('B')], 'target_B')).toEqual(['ip saddr @B_v4 drop', 'ip saddr @B_v4_net drop', 'ip6 saddr @B_v6 drop', 'ip6 saddr @B_v6_net drop']);
  });

  test('cut IPv6 to the target’s prefix for the hosts, and not for the networks', () => {
    expect(rulesOf([nft('B', { ipv6Prefix: 56 })], 'target_B').slice(2)).toEqual(['ip6 saddr & ffff:ffff:ffff:ff00:: @B_v6 drop', 'ip6 saddr @B_v6_net drop']);
  });

  test('reject TCP by a reset, and look up last, because a look counts', () => {
    expect(rulesOf([nft('B', { action: 'reject' })], 'target_B').slice(0, 2)).toEqual(['meta l4proto tcp ip saddr @B_v4 reject with tcp reset', 'ip saddr @B_v4 reject with icmpx type admin-prohibited']);
  });

  test('let the loopback and neighbours through first', () => {
    expect(rulesOf([nft('B')], 'input')).toEqual(['iif "lo" accept', 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept', 'jump target_B']);
    expect(rulesOf([nft('B')], 'forward')).toEqual(['jump target_B']);
  });

  test('are about the target’s ports, as packets have them and as they had them before NAT', () => {
    const mail = nft('M', { ports: [{ first: 25, last: 25 }, { first: 587, last: 600 }], protocols: ['tcp', 'udp'] });
    for (const chain of ['input', 'forward'])
      expect(rulesOf([mail], chain).filter((rule) => rule.includes('jump'))).toEqual([
        'tcp dport { 25, 587-600 } jump target_M',
        'meta l4proto tcp ct direction original ct original proto-dst 25 jump target_M',
        'meta l4proto tcp ct direction original ct original proto-dst 587-600 jump target_M',
        'udp dport { 25, 587-600 } jump target_M',
        'meta l4proto udp ct direction original ct original proto-dst 25 jump target_M',
        'meta l4proto udp ct direction original ct original proto-dst 587-600 jump target_M',
      ]);
  });

  test('are of the targets with nftables alone', () => {
    expect(nftText([nft('B'), target('OTHER')])).toBe(nftText([nft('B')]));
    expect(wantedSets([target('OTHER')])).toEqual([]);
  });

  test('carry marks that say what they are, different for different rules', () => {
    const marks = wantedChains([nft('B'), nft('M', { ports: [{ first: 25, last: 25 }] })]).flatMap(({ rules }) => rules);
    expect(marks.every(({ mark }) => isMark(mark))).toBe(true);
    expect(new Set(marks.map(({ mark }) => mark)).size).toBe(new Set(marks.map(({ text }) => text)).size);
    expect(isMark('banban 12345678 or so')).toBe(false);
  });
});

describe('the table of nftables', () => {
  /** What nft would list after it was given the text. */
  const listed = (targets: readonly TargetConfig[], change: (listing: string) => string = (listing) => listing): ListedTable | 'absent' => {
    const sets = wantedSets(targets).map(({ name, type, flags }) => `\tset ${name} {\n\t\ttype ${type}\n\t\tflags ${flags.join(',')}\n\t\tcounter\n\t}\n`);
    const chains = wantedChains(targets).map(({ name, hook, rules }) => {
      const lines = [...(hook === undefined ? [] : [`type filter hook ${hook} priority -10; policy accept;`]), ...rules.map(({ text, mark }) => `${text} comment "${mark}"`)];
      return `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
    });
    return parseNft(change(`table inet other {\n\tset B_v4 {\n\t\ttype ipv6_addr\n\t}\n}\ntable inet banban {\n${[...sets, ...chains].join('\n')}}\ntable inet last {\n\tchain input {\n\t\taccept\n\t}\n}\n`));
  };
  const two = [nft('B'), nft('M', { ports: [{ first: 25, last: 25 }], action: 'reject' })];
  const cut = (pattern: RegExp) => (listing: string): string => {
    expect(listing).toMatch(pattern);
    return listing.replace(pattern, '');
  };
  const put = (before: string, what: string) => (listing: string): string => {
    expect(listing).toContain(before);
    return listing.replace(before, what);
  };

  test('that is as it was made needs nothing', () => {
    expect(nftDifferences(two, listed(two))).toEqual({ changes: [], problems: [], stale: { sets: [], chains: [], misplaced: [] } });
  });

  test('may be not there at all', () => {
    expect(nftDifferences(two, 'absent').changes).toEqual(["made nftables' table inet banban with the sets and rules of B and M"]);
  });

  const anew = (chain: string): string => `wrote the rules of ${chain} in nftables' table inet banban anew, because they were not those that are needed`;

  test.each<[string, (listing: string) => string, string]>([
    ['lacks a set', cut(/\tset B_v6_net \{[^}]*\}\n/), "made the sets B_v6_net of nftables' table inet banban"],
    ['lacks a rule', cut(/\t\t.*B_v6_net.*\n/), anew('target_B')],
    ['lacks a chain', cut(/\tchain target_B \{[^}]*\}\n/), anew('target_B')],
    ['has a rule more', put('\t\tiif "lo" accept', '\t\taccept\n\t\tiif "lo" accept'), anew('input')],
    ['has another rule', put('ip saddr @B_v4 drop comment "banban', 'ip saddr @B_v4 drop comment "mine'), anew('target_B')],
    ['is dormant', put('table inet banban {\n', 'table inet banban {\n\tflags dormant\n\n'), "woke nftables' table inet banban, which was dormant"],
  ])('that %s is put right', (_, change, sentence) => expect(nftDifferences(two, listed(two, change))).toMatchObject({ changes: [sentence], problems: [] }));

  test('with what a former target left is cleaned', () => {
    const found = nftDifferences([two[0] ?? nft('B')], listed(two));
    expect(found.stale).toEqual({ sets: ['M_v4', 'M_v4_net', 'M_v6', 'M_v6_net'], chains: ['target_M'], misplaced: [] });
    const text = nftText([nft('B')], found.stale).split('\n');
    expect(text.indexOf('delete chain inet banban target_M')).toBeGreaterThan(text.indexOf('flush chain inet banban input'));
    expect(text).toContain('delete set inet banban M_v4_net');
  });

  test('with an admin’s own chains and sets keeps them', () => {
    const found = nftDifferences(two, listed(two, put('table inet banban {\n', 'table inet banban {\n\tcomment "x"\n\tmap m {\n\t\ttype ipv4_addr : verdict\n\t}\n\n\tset friends {\n\t\ttype ipv4_addr\n\t}\n\n\tchain mine {\n\t\taccept\n\t}\n\n')));
    expect(found).toMatchObject({ changes: [], stale: { sets: [], chains: [] } });
  });

  test('with a set of other flags can’t be put right, and says which and how', () => {
    const wrong = (lines: string) => nftDifferences(two, listed(two, put('\tset B_v4 {\n\t\ttype ipv4_addr\n\t\tflags timeout\n\t\tcounter\n', `\tset B_v4 {\n${lines.split('; ').map((line) => `\t\t${line}\n`).join('')}`))).problems;
    expect(wrong('type ipv4_addr; flags interval; counter')).toEqual([
      'the set B_v4 of nftables\' table inet banban is "type ipv4_addr; flags interval; counter;" and has to be "type ipv4_addr; flags timeout; counter;", so that the rules can\'t be put in: take the table away with "banctl firewall remove" (or "nft delete table inet banban") and put it in again with "banctl firewall install"; the bans are written into it anew',
    ]);
    for (const lines of ['type ipv6_addr; flags timeout; counter', 'type ipv4_addr; flags timeout', 'type ipv4_addr; timeout 1h; counter', 'type ipv4_addr; flags dynamic,timeout; counter', 'typeof ip saddr; flags timeout; counter']) expect(wrong(lines)).toHaveLength(1);
    expect(wrong('type ipv4_addr; size 65535; flags timeout; counter')).toEqual([]);
  });

  test('with a chain on another hook gets its chains anew', () => {
    const found = nftDifferences(two, listed(two, put('hook input priority -10', 'hook input priority 5')));
    expect(found.stale.misplaced).toEqual(['forward', 'input', 'target_M', 'target_B']);
    const text = nftText(two, found.stale);
    expect(text.indexOf('delete chain inet banban input')).toBeLessThan(text.indexOf('add chain inet banban input'));
  });
});
