import { describe, expect, test } from 'vitest';
import { CSV_HEAD, exportedCsv, exportedJson, listParser, networksBetween, parseAddress, type BanToExport, type ListText } from 'banban-shared';

/** Reads a text in pieces of so many bytes. */
function read(text: string, { most = 1000, piece = Infinity } = {}): ListText | { readonly problem: string } {
  const parser = listParser(most);
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += piece) if (parser.push(bytes.subarray(i, i + piece)) !== undefined) break;
  return parser.end();
}

function good(text: string, options?: { most?: number; piece?: number }): ListText {
  const list = read(text, options);
  if ('problem' in list) throw new Error(list.problem);
  return list;
}

const prefixes = (text: string): string[] => good(text).entries.map(({ prefix }) => prefix);
const problem = (text: string, most?: number): string => {
  const list = read(text, most === undefined ? {} : { most });
  return 'problem' in list ? list.problem : 'none';
};

describe('forms of lists', () => {
  test.each([
    ['plain addresses and networks', '192.0.2.1\n198.51.100.0/24\r\n2001:db8::1\n2001:DB8:1::/48\n', ['192.0.2.1/32', '198.51.100.0/24', '2001:db8::1/128', '2001:db8:1::/48']],
    ['comments by # and ;, blanks, and no newline at the end', '# a list\n; of mine\n\n  192.0.2.1 # office\n\t192.0.2.2;x', ['192.0.2.1/32', '192.0.2.2/32']],
    ['a byte order mark', '\ufeff192.0.2.1\n', ['192.0.2.1/32']],
    ['host bits, which are cleared', '192.0.2.77/24\n', ['192.0.2.0/24']],
    ['a netmask', '192.0.2.0/255.255.255.128\n', ['192.0.2.0/25']],
    ['DROP as text', '; Spamhaus DROP List\n192.0.2.0/24 ; SBL1\n198.51.100.0/22 ; SBL2\n', ['192.0.2.0/24', '198.51.100.0/22']],
    ['DROP as JSON', '{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"x"}\n{"cidr":"2001:db8::/32","sblid":"SBL2"}\n{"type":"metadata","timestamp":1,"records":2}\n', ['192.0.2.0/24', '2001:db8::/32']],
    ['a FireHOL netset', '#\n# some_netset\n# Category: attacks\n#\n192.0.2.0/24\n203.0.113.9\n', ['192.0.2.0/24', '203.0.113.9/32']],
    ['hosts.deny', 'ALL: 192.0.2.1\nsshd, vsftpd : 192.0.2.2, 192.0.2.3\nALL: [2001:db8::1]/128\nALL: [2001:db8::2]\nsshd: 198.51.100. : deny\nALL: 203.0.113.0/255.255.255.0\n', ['192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32', '2001:db8::1/128', '2001:db8::2/128', '198.51.100.0/24', '203.0.113.0/24']],
    ['ranges', '192.0.2.0-192.0.2.255\n192.0.2.6 - 192.0.2.8\n', ['192.0.2.0/24', '192.0.2.6/31', '192.0.2.8/32']],
    ['words behind the address', '192.0.2.1\t17\n192.0.2.2,scan,2026\n', ['192.0.2.1/32', '192.0.2.2/32']],
    ['fail2ban-client banned', "[{'sshd': ['192.0.2.1', '2001:db8::1']}, {'nginx-login': []}, {'recidive': ['192.0.2.9']}]\n", ['192.0.2.1/32', '2001:db8::1/128', '192.0.2.9/32']],
    ['a list of JSON', '["192.0.2.1",\n "198.51.100.0/24"]\n', ['192.0.2.1/32', '198.51.100.0/24']],
    ['fail2ban-client status', 'Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t3\n|  `- Journal matches:\tx\n`- Actions\n   |- Currently banned:\t2\n   `- Banned IP list:\t192.0.2.1 192.0.2.2\n', ['192.0.2.1/32', '192.0.2.2/32']],
    ['nothing', '', []],
    ['comments alone', '# nothing today\n', []],
  ])('%s', (_, text, expected) => {
    expect(prefixes(text)).toEqual(expected);
    expect(good(text).badLines).toBe(0);
  });

  test('come in pieces of any size', () => {
    const text = `${Array.from({ length: 3000 }, (_, i) => `192.0.${i >> 8}.${i & 255} # ${'é'.repeat(i % 7)}`).join('\n')}\n`;
    const whole = good(text, { most: 5000 });
    for (const piece of [1, 7, 4096, 65_536]) expect(good(text, { most: 5000, piece }).entries).toEqual(whole.entries);
    const quoted = `[{'a': [${Array.from({ length: 3000 }, (_, i) => `'192.0.${i >> 8}.${i & 255}'`).join(', ')}]}]`;
    for (const piece of [1, 1000, 65_536]) expect(good(quoted, { most: 5000, piece }).entries).toHaveLength(3000);
  });
});

describe('what can’t be read', () => {
  test('is named by its line and left out', () => {
    const list = good('192.0.2.1\n192.0.2.300\nexample.org\n192.0.2.2 192.0.2.9\n192.0.2.3\n192.0.2.4\n192.0.2.5\n');
    expect(list.entries.map(({ prefix }) => prefix)).toEqual(['192.0.2.1/32', '192.0.2.3/32', '192.0.2.4/32', '192.0.2.5/32']);
    expect(list).toMatchObject({ badLines: 3, bad: [{ line: 2, text: '192.0.2.300' }, { line: 3, text: 'example.org' }, { line: 4, text: '192.0.2.2 192.0.2.9' }] });
  });

  test('refuses the list when it is more than what can', () => {
    expect(problem('one\ntwo\n192.0.2.1\n')).toBe('2 of its 3 lines are not addresses (line 1 "one", line 2 "two"); is it the right file, and in a form that banban knows?');
  });

  test('refuses a long list when it is more than one line in ten', () => {
    const lines = (bad: number) => [...Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`), ...Array.from({ length: bad }, () => 'x')].join('\n');
    expect(good(lines(9)).badLines).toBe(9);
    expect(problem(lines(30))).toContain('30 of its 130 lines are not addresses (line 101 "x"');
  });

  test.each(['<!DOCTYPE html>\n<html><body>403</body>', '<html>\n', '  \n<?xml version="1.0"?>', '<head><title>x</title>'])('a web page is called one: %j', (text) => {
    expect(problem(text)).toBe('it is a web page (HTML or XML), not a list of addresses; open it in a browser to see whether the list has moved or wants a login');
  });

  test('an archive is called one', () => {
    expect(problem('PK\u0003\u0004\0\0\0')).toBe('it is not text; give the list itself, not an archive of it');
  });

  test('a list beyond its bound is refused, and no more of it is kept', () => {
    const text = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`).join('\n');
    expect(problem(text, 99)).toBe('it has more than 99 entries; raise max_entries if it really is that long');
    expect(good(text, { most: 100 }).entries).toHaveLength(100);
  });

  test('a line without end costs no memory and is one bad line', () => {
    const list = read(`192.0.2.1\n192.0.2.2\n${'x'.repeat(5_000_000)}\n192.0.2.3`, { piece: 65_536 });
    expect(list).toMatchObject({ badLines: 1, bad: [{ line: 3 }] });
    expect('entries' in list && list.entries).toHaveLength(3);
  });

  /** How many steps it takes to read a text whose every piece comes at once. */
  function steps(text: string): number {
    const parser = listParser(1_000_000);
    let count = 0;
    for (const work of [parser.pushing(new TextEncoder().encode(text)), parser.ending()]) while (work.next().done !== true) count++;
    return count;
  }

  test.each([
    ['ranges that are 254 networks each', '::1-f::e\n'.repeat(500), 500],
    ['all addresses of a jail in one line', `Status for the jail: x\n   Banned IP list: ${'192.0.2.1 '.repeat(20_000)}\n`, 600],
    ['texts in quotes', `[${'"x",'.repeat(20_000)}]`, 600],
    ['short lines', '::\n'.repeat(20_000), 600],
  ])('is read in steps, whatever it is: %s', (_, text, least) => {
    expect(steps(text)).toBeGreaterThanOrEqual(least);
  });

  test.each([
    ['blanks before what should be a colon', `a${' '.repeat(8000)}!\n`],
    ['blanks behind the colon', `a:${' '.repeat(8000)}x\rx\n`],
    ['brackets', `a:${'['.repeat(8000)}\n`],
  ])('costs no more than its length: %s', (_, line) => {
    const from = performance.now();
    expect(problem(line.repeat(200), 1000)).toContain('are not addresses');
    // It was 20 ms a line.
    expect(performance.now() - from).toBeLessThan(1000);
  });

  test('the beginning of a jail’s status again and again costs no more than its length', () => {
    const from = performance.now();
    problem(`Status for the jail: x\n${'Banned IP list:'.repeat(200_000)}\u2028x\n`);
    expect(performance.now() - from).toBeLessThan(2000);
  });

  test('masks with holes, ranges from behind, ranges of two families, too many octets', () => {
    const bad = ['192.0.2.0/255.0.255.0', '192.0.2.9-192.0.2.1', '192.0.2.1-2001:db8::1', '1.2.3.4.5', '192.0.2.1/33', 'ALL: ALL', 'ALL: .example.org', '{"cidr":"x"}', '{', '010.0.0.1'];
    const list = good([...bad, ...Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`)].join('\n'));
    expect(list.badLines).toBe(bad.length);
    expect(list.entries).toHaveLength(20);
  });
});

describe('banban’s own export', () => {
  const ban: BanToExport = { address: '192.0.2.1', target: 'BLOCKER', by: 'rule ssh', since: '2026-01-01T00:00:00.000Z', until: null, remainingSeconds: null, reason: '=HYPERLINK("http://x","a, b")\n;#' };
  const other: BanToExport = { ...ban, address: '2001:db8::/48', until: '2026-01-02T00:00:00.000Z', remainingSeconds: 90, reason: null };

  test('as JSON comes back as it was', () => {
    expect(good(`${exportedJson(ban)}\n${exportedJson(other)}\n`).entries).toEqual([
      { prefix: '192.0.2.1/32', ban: { target: 'BLOCKER', remainingSeconds: null, reason: ban.reason } },
      { prefix: '2001:db8::/48', ban: { target: 'BLOCKER', remainingSeconds: 90, reason: undefined } },
    ]);
  });

  test('as CSV comes back with its line breaks as blanks', () => {
    expect(good(`${CSV_HEAD}\n${exportedCsv(ban)}\n${exportedCsv(other)}\n`).entries).toEqual([
      { prefix: '192.0.2.1/32', ban: { target: 'BLOCKER', remainingSeconds: null, reason: '=HYPERLINK("http://x","a, b") ;#' } },
      { prefix: '2001:db8::/48', ban: { target: 'BLOCKER', remainingSeconds: 90, reason: undefined } },
    ]);
  });

  test.each(['=1+1', '+1', '-1', '@x', '|x', '\t=1', ' =1', "'=1"])('has no cell that a spreadsheet takes for a formula: %j', (reason) => {
    const cell = exportedCsv({ ...ban, reason }).split(',').at(-1) ?? '';
    expect(cell.replace(/^"/, '')).toMatch(/^'/);
  });
});

test('a range is cut into the fewest networks', () => {
  const address = (text: string) => parseAddress(text) ?? expect.fail(text);
  expect(networksBetween(address('0.0.0.0'), address('255.255.255.255'))).toEqual(['0.0.0.0/0']);
  expect(networksBetween(address('0.0.0.1'), address('255.255.255.254'))).toHaveLength(62);
  expect(networksBetween(address('::'), address('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'))).toEqual(['::/0']);
  expect(networksBetween(address('::1'), address('ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe'))).toHaveLength(254);
});
