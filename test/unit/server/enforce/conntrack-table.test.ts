import { describe, expect, test } from 'vitest';
import { connectionFinder, deletedCount } from '../../../../packages/server/src/enforce/conntrack-table.ts';
import { address } from '../../../support/records.ts';

const LINES = [
  'tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.1 sport=1000 dport=22 src=198.51.100.1 dst=192.0.2.1 sport=22 dport=1000 [ASSURED] mark=0 use=1',
  'tcp      6 10 SYN_SENT src=198.51.100.1 dst=192.0.2.2 sport=1000 dport=25 [UNREPLIED] src=192.0.2.2 dst=198.51.100.1 sport=25 dport=1000 mark=0 use=1',
  'udp      17 29 src=192.0.2.3 dst=198.51.100.1 sport=53 dport=53 [UNREPLIED] src=198.51.100.1 dst=192.0.2.3 sport=53 dport=53 mark=0 use=1',
  'icmp     1 29 src=192.0.2.3 dst=192.0.2.1 type=8 code=0 id=1 src=192.0.2.1 dst=192.0.2.3 type=0 code=0 id=1 mark=0 use=1',
  'tcp      6 100 TIME_WAIT src=192.0.2.4 dst=198.51.100.1 sport=1 dport=22 src=198.51.100.1 dst=192.0.2.4 sport=22 dport=1 [ASSURED] mark=0 use=1',
  'tcp      6 9 CLOSE src=192.0.2.4 dst=198.51.100.1 sport=2 dport=22 src=198.51.100.1 dst=192.0.2.4 sport=22 dport=2 [ASSURED] mark=0 use=1',
  'tcp      6 60 CLOSE_WAIT src=192.0.2.5 dst=198.51.100.1 sport=3 dport=22 src=198.51.100.1 dst=192.0.2.5 sport=22 dport=3 [ASSURED] mark=0 use=1',
  'tcp      6 60 ESTABLISHED src=2001:db8::1 dst=2001:db8::2 sport=3 dport=22 src=2001:db8::2 dst=2001:db8::1 sport=22 dport=3 mark=0 use=1',
  'tcp      6 60 ESTABLISHED src=64:ff9b::192.0.2.33 dst=2001:db8::2 sport=3 dport=22 src=2001:db8::2 dst=64:ff9b::192.0.2.33 sport=22 dport=3 mark=0 use=1',
  'tcp      6 60 ESTABLISHED src=192.0.2.10 dst=198.51.100.1 sport=3 dport=22 src=198.51.100.1 dst=192.0.2.10 sport=22 dport=3 mark=0 use=1',
];
const WANTED = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.9', '2001:db8::1', '64:ff9b::c000:221'].map(address);
const FOUND = [
  ['192.0.2.1', 'source'],
  ['192.0.2.2', 'destination'],
  ['192.0.2.3', 'source'],
  ['192.0.2.3', 'source'],
  ['192.0.2.1', 'destination'],
  ['192.0.2.5', 'source'],
  ['2001:db8::1', 'source'],
  ['64:ff9b::c000:221', 'source'],
];

function find(chunks: readonly Buffer[]): string[][] {
  const found: string[][] = [];
  const finder = connectionFinder(new Set(WANTED), (found_, side) => found.push([found_, side]));
  for (const chunk of chunks) finder(chunk);
  return found;
}

describe('in what conntrack lists', () => {
  const text = Buffer.from(`${LINES.join('\n')}\n`);

  test('an address is found on the side it was on when the connection began, unless the connection is over', () => {
    expect(find([text])).toEqual(FOUND);
  });

  test('it does not matter where the pieces are cut', () => {
    for (const size of [1, 7, 100, 1000]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.subarray(i * size, (i + 1) * size));
      expect(find(chunks)).toEqual(FOUND);
    }
  });

  test('garbage is nothing, and a line without end is not kept', () => {
    expect(find([Buffer.alloc(1_000_000, 'src= dst='), Buffer.from([0, 255, 10]), Buffer.from(' src=\n dst=\n src=x dst=\n')])).toEqual([]);
  });
});

test.each([
  ['conntrack v1.4.7 (conntrack-tools): 3 flow entries have been deleted.\n', 3],
  ['conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n', 0],
  ['conntrack v1.4.7 (conntrack-tools): Operation failed: Operation not permitted\n', undefined],
  ['', undefined],
])('%j has deleted %j', (stderr, count) => {
  expect(deletedCount(stderr)).toBe(count);
});
