import { describe, expect, test } from 'vitest';
import { isTooWide, readFileEntries, type FileEntries } from '../../../../packages/server/src/allow/file-entries.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { prefix } from '../../../support/policies.ts';

/** With the loop turning as often as it is wanted. */
async function entriesOf(text: string): Promise<FileEntries> {
  const clock = fakeClock();
  let done = false;
  const entries = readFileEntries(text, clock).finally(() => (done = true));
  while (!done) {
    clock.turn();
    await Promise.resolve();
  }
  return entries;
}

describe('the text of an allow file', () => {
  test('has addresses, networks and host names, a line each, with comments', async () => {
    expect(await entriesOf('# ours\n\n203.0.113.7\n  10.1.2.3/8 ; host bits and all\r\n2001:DB8::/32#x\nHome.Example.org.\n::ffff:192.0.2.1\n')).toEqual({
      prefixes: ['203.0.113.7/32', '10.0.0.0/8', '2001:db8::/32', '192.0.2.1/32'],
      hosts: ['home.example.org'],
      bad: [],
      moreBad: 0,
    });
  });

  test('of nothing allows nothing', async () => {
    for (const text of ['', '\n', '# nothing\n;\n']) expect(await entriesOf(text)).toEqual({ prefixes: [], hosts: [], bad: [], moreBad: 0 });
  });

  test('has each entry once', async () => {
    expect(await entriesOf('192.0.2.1\n192.0.2.1/32\nhome.example.org\nHOME.example.org\n192.0.2.1')).toMatchObject({ prefixes: ['192.0.2.1/32'], hosts: ['home.example.org'] });
  });

  test.each([
    ['10.0.0.300', '"10.0.0.300" is no address, no network such as 192.0.2.0/24 and no host name with a dot in it'],
    ['010.0.0.1', '"010.0.0.1" is no address'],
    ['192.0.2.0/255.255.255.0', '"192.0.2.0/255.255.255.0" is no address'],
    ['192.0.2.1 192.0.2.2', '"192.0.2.1 192.0.2.2" is no address'],
    ['localhost', '"localhost" is no address'],
    ['fe80::1%eth0', '"fe80::1%eth0" is no address'],
    ['\x1b[2J', '"\\u001b[2J" is no address'],
    ['x'.repeat(10_000), `"${'x'.repeat(60)}…" is no address`],
    ['0.0.0.0/0', '"0.0.0.0/0" is a large part of the whole Internet; if you mean it, put it on allowlist in the configuration itself'],
    ['::/15', '"::/15" is a large part'],
  ])('with %j in it names the line, and the rest is used', async (line, why) => {
    const { prefixes, bad, moreBad } = await entriesOf(`203.0.113.7\n\n${line}\n203.0.113.8\n`);
    expect(prefixes).toEqual(['203.0.113.7/32', '203.0.113.8/32']);
    expect(bad).toHaveLength(1);
    expect(bad[0]?.startsWith(`line 3: ${why}`), bad[0]).toBe(true);
    expect(moreBad).toBe(0);
  });

  test('that is something else altogether names the first lines, and counts the rest', async () => {
    const { prefixes, bad, moreBad } = await entriesOf('<html>\n<p>\n'.repeat(1000));
    expect(prefixes).toEqual([]);
    expect(bad.map((sentence) => sentence.split(':')[0])).toEqual(['line 1', 'line 2', 'line 3']);
    expect(moreBad).toBe(1997);
  });

  test('has at most 200,000 entries', async () => {
    const lines = Array.from({ length: 200_002 }, (_, i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`);
    const { prefixes, bad, moreBad } = await entriesOf(lines.join('\n'));
    expect(prefixes).toHaveLength(200_000);
    expect(bad[0]).toBe('line 200001: it is one entry more than the 200000 that a file may have');
    expect([bad.length, moreBad]).toEqual([2, 0]);
  });
});

test.each<[string, boolean]>([['10.0.0.0/8', false], ['10.0.0.0/7', true], ['2001::/16', false], ['2000::/15', true], ['192.0.2.1', false], ['::1', false]])('%s is too wide: %s', (text, is) => {
  expect(isTooWide(prefix(text))).toBe(is);
});
