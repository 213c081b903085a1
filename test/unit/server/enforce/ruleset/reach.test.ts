import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNft, parseNftStatements } from '../../../../../packages/server/src/enforce/ruleset/nft-listing.ts';
import { viewOfTable } from '../../../../../packages/server/src/enforce/ruleset/nft-view.ts';
import { readingsOf, scopesMeet, type Reading } from '../../../../../packages/server/src/enforce/ruleset/reach.ts';
import { parseSaved } from '../../../../../packages/server/src/enforce/ruleset/saved-tables.ts';
import { parsePorts, viewOfSaved } from '../../../../../packages/server/src/enforce/ruleset/saved-view.ts';

const READ = '-m recent --rcheck --name X --mask 255.255.255.255 --rsource -j DROP';
const readings = (...lines: string[]): Reading[] => readingsOf(viewOfSaved('iptables', parseSaved(`*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`)));
const chains = (...names: string[]): string[] => names.map((name) => `:${name} - [0:0]`);
const bypasses = (...lines: string[]): string[] => readings(...lines).flatMap((reading) => reading.bypasses.map(({ text, isEstablished }) => `${isEstablished ? 'established: ' : ''}${text}`));

describe('a rule that reads a list', () => {
  test.each<[string, string[]]>([
    ['in INPUT', [`-A INPUT ${READ}`]],
    ['in a chain that INPUT jumps to', [...chains('a'), '-A INPUT -p tcp -j a', `-A a ${READ}`]],
    ['in a chain that INPUT goes to', [...chains('a', 'b'), '-A INPUT -g a', '-A a -j b', `-A b ${READ}`]],
    ['which jumps to a chain that drops', [...chains('drops'), '-A INPUT -m recent --update --name X --rsource -j drops', '-A drops -j LOG', '-A drops -j DROP']],
    ['for those who are not in it, and let go', [...chains('a'), '-A INPUT -j a', '-A a -m recent ! --rcheck --name X --rsource -j RETURN', '-A a -j DROP']],
    ['behind a DROP for some', ['-A INPUT -s 192.0.2.1/32 -j DROP', `-A INPUT ${READ}`]],
  ])('%s is found', (_, lines) => expect(readings(...lines).map(({ look }) => look.list)).toEqual(['X']));

  test.each<[string, string[]]>([
    ['in a chain that nobody jumps to', [...chains('a'), `-A a ${READ}`]],
    ['in FORWARD alone', [`-A FORWARD ${READ}`]],
    ['which only counts', ['-A INPUT -m recent --rcheck --name X --rsource']],
    ['which jumps to a chain that drops nothing', [...chains('logs'), '-A INPUT -m recent --rcheck --name X --rsource -j logs', '-A logs -j LOG']],
    ['which accepts', ['-A INPUT -m recent --rcheck --name X --rsource -j ACCEPT']],
    ['which writes', ['-A INPUT -m recent --set --name X --rsource -j DROP']],
    ['behind a DROP for all', ['-A INPUT -j DROP', `-A INPUT ${READ}`]],
    ['behind a RETURN for all', [...chains('a'), '-A INPUT -j a', '-A a -j RETURN', `-A a ${READ}`]],
    ['behind a chain that drops all', [...chains('a'), '-A INPUT -j a', '-A a -p tcp -j LOG', '-A a -j REJECT', `-A INPUT ${READ}`]],
    ['behind a goto', [...chains('a'), '-A INPUT -g a', '-A a -j LOG', `-A INPUT ${READ}`]],
  ])('%s is not', (_, lines) => expect(readings(...lines)).toEqual([]));

  test('in raw and mangle is on the way of every packet, and what filter accepts comes later', () => {
    const view = viewOfSaved('iptables', parseSaved(`*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING ${READ}\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n-A INPUT ${READ}\nCOMMIT\n`));
    expect(readingsOf(view).map(({ entrance, bypasses: before }) => [entrance, before.length])).toEqual([['raw PREROUTING', 0], ['filter INPUT', 1]]);
  });

  test('tells how it looks', () => {
    const [reading] = readings('-A INPUT -p tcp -m tcp --dport 22 -m recent --update --seconds 60 --hitcount 3 --name X --mask 255.255.255.0 --rdest -j REJECT --reject-with tcp-reset');
    expect(reading).toMatchObject({ look: { store: 'xt_recent', side: 'destination', mask: '255.255.255.0', seconds: 60, hitCount: 3, isNegated: false }, scope: { protocols: ['tcp'], ports: [{ first: 22, last: 22 }] } });
    expect(readings('-A INPUT -m set --match-set banban-X-4 src,dst -j DROP')[0]?.look).toMatchObject({ store: 'ipset', list: 'banban-X-4', side: 'source' });
  });
});

describe('what lets packets through before', () => {
  const END = `-A INPUT ${READ}`;

  test.each<[string, string[]]>([
    ['-j ACCEPT', []],
    ['-p tcp -m tcp --dport 22 -j ACCEPT', []],
    ['-p tcp -m tcp --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT', []],
    ['-p tcp -m conntrack --ctstate NEW -m multiport --dports 22,80 -j ACCEPT', []],
    ['-m conntrack ! --ctstate INVALID -j ACCEPT', []],
    ['-s 0.0.0.0/0 -m comment --comment "all" -j ACCEPT', []],
    ['-m addrtype --dst-type LOCAL -j ACCEPT', []],
  ])('is %s', (rule) => expect(bypasses(`-A INPUT ${rule}`, END)).toEqual([`-A INPUT ${rule}`]));

  test.each(['-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-m state --state ESTABLISHED -j ACCEPT', '-m conntrack ! --ctstate NEW -j ACCEPT', '-p tcp -m tcp ! --syn -j ACCEPT'])('for open connections is %s', (rule) =>
    expect(bypasses(`-A INPUT ${rule}`, END)).toEqual([`established: -A INPUT ${rule}`]));

  test.each(['-i lo -j ACCEPT', '-s 192.0.2.0/24 -j ACCEPT', '-m limit --limit 5/sec -j ACCEPT', '-m nobody-knows --what 1 -j ACCEPT', '-m set --match-set friends src -j ACCEPT', '-m conntrack --ctstate INVALID -j ACCEPT', '-j LOG', '-j DOCKER-USER', '! -p tcp -j ACCEPT', '-p udp -m udp --sport 67 --dport 68 -j ACCEPT'])('is not %s, whose conditions may be about anybody', (rule) =>
    expect(bypasses(`-A INPUT ${rule}`, END)).toEqual([]));

  test('may be in another chain, with the conditions of the way there', () => {
    const lines = [...chains('in', 'tcp'), '-A INPUT -j in', '-A in -p tcp -j tcp', '-A tcp -m tcp --dport 80 -j ACCEPT', END];
    expect(readings(...lines)[0]?.bypasses).toEqual([{ text: '-A tcp -m tcp --dport 80 -j ACCEPT', isEstablished: false, scope: { protocols: ['tcp'], ports: [{ first: 80, last: 80 }] } }]);
    expect(bypasses(...chains('lan'), '-A INPUT -s 10.0.0.0/8 -j lan', '-A lan -j ACCEPT', END)).toEqual([]);
  });

  test('may be a RETURN, for the rest of its chain alone', () => {
    expect(bypasses(...chains('a'), '-A INPUT -j a', '-A a -p tcp -m tcp --dport 80 -j RETURN', `-A a ${READ}`)).toHaveLength(1);
    expect(bypasses(...chains('a'), '-A INPUT -j a', '-A a -p tcp -m tcp --dport 80 -j RETURN', END)).toEqual([]);
  });
});

test('ports of two rules meet where both are about the same', () => {
  const tcp = (ports: string) => ({ protocols: ['tcp'], ports: parsePorts(ports) });
  expect(scopesMeet(tcp('22'), tcp('20:25'))).toBe(true);
  expect(scopesMeet(tcp('22,80'), tcp('443'))).toBe(false);
  expect(scopesMeet(tcp('22'), { protocols: undefined, ports: undefined })).toBe(true);
  expect(scopesMeet(tcp('22'), { protocols: ['udp'], ports: undefined })).toBe(false);
  expect(scopesMeet({ protocols: ['icmp'], ports: undefined }, { protocols: undefined, ports: undefined })).toBe(false);
});

test('a web of chains that jump to each other, as no kernel takes it, is no endless walk', () => {
  const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
  const rules = fc.array(fc.record({ from: fc.constantFrom('INPUT', ...names), to: fc.constantFrom(...names, 'ACCEPT', 'DROP', 'RETURN'), verb: fc.constantFrom('-j', '-g'), match: fc.constantFrom('', '-p tcp ', '-i lo ', '-m recent --rcheck --name X --rsource ') }), { maxLength: 200 });
  fc.assert(
    fc.property(rules, (all) => {
      readings(...chains(...names), ...all.map(({ from, to, verb, match }) => `-A ${from} ${match}${verb} ${to}`));
    }),
    { numRuns: 30 },
  );
});

describe('rules of nftables', () => {
  const listing = (rules: readonly unknown[], hook = 'type filter hook input priority -10; policy accept;', flags = ''): Reading[] => {
    const table = parseNft(`table inet banban {\n${flags}\tchain c {\n\t\t${hook}\n\t}\n}\n`);
    const statements = parseNftStatements(JSON.stringify({ nftables: [{ metainfo: {} }, ...rules.map((expr) => ({ rule: { family: 'inet', table: 'banban', chain: 'c', expr } }))] }));
    return table === 'absent' || statements === undefined ? [] : readingsOf(viewOfTable(table, statements));
  };
  const source = { payload: { protocol: 'ip', field: 'saddr' } };
  const read = [{ match: { op: '==', left: source, right: '@X_v4' } }, { counter: null }, { drop: null }];

  test('are found with their masks', () => {
    expect(listing([read])).toMatchObject([{ entrance: 'chain c', look: { store: 'nftables', list: 'X_v4', side: 'source', mask: undefined } }]);
    const masked = [{ match: { op: '==', left: { '&': [{ payload: { protocol: 'ip6', field: 'saddr' } }, 'ffff:ffff::'] }, right: '@X_v6' } }, { reject: { type: 'tcp reset' } }];
    expect(listing([masked])[0]?.look).toMatchObject({ list: 'X_v6', mask: 'ffff:ffff::' });
  });

  test('have ports, protocols and states', () => {
    const ports = { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: { set: [25, { range: [1000, 2000] }] } } };
    expect(listing([[ports, ...read]])[0]?.scope).toEqual({ protocols: ['tcp'], ports: [{ first: 25, last: 25 }, { first: 1000, last: 2000 }] });
    const established = [{ match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } }, { accept: null }];
    expect(listing([established, read])[0]?.bypasses).toMatchObject([{ isEstablished: true }]);
    const limited = [{ limit: { rate: 1 } }, { accept: null }];
    expect(listing([limited, read])[0]?.bypasses).toEqual([]);
    expect(listing([[{ accept: null }], read])[0]?.bypasses).toHaveLength(1);
  });

  test('are not found where no packet comes: no hook, another hook, a dormant table', () => {
    expect(listing([read], '')).toEqual([]);
    expect(listing([read], 'type filter hook output priority 0; policy accept;')).toEqual([]);
    expect(listing([read], 'type nat hook input priority 100; policy accept;')).toEqual([]);
    expect(listing([read], undefined, '\tflags dormant\n')).toEqual([]);
    expect(listing([read], undefined, '\tflags owner,dormant\n')).toEqual([]);
  });

  test('may be listed in any way: what is not understood is a condition', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.jsonValue())), (rules) => void listing([...rules, read])));
    fc.assert(fc.property(fc.string(), (json) => void parseNftStatements(json)));
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseNftStatements(JSON.stringify({ nftables: value }))));
  });
});
