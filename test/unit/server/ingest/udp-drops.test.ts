import { expect, test } from 'vitest';
import { dropsOf } from '../../../../packages/server/src/ingest/udp-drops.ts';

// As the kernel prints it (net/ipv4/udp.c, udp4_format_sock).
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   10: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21434 2 00000000dead0001 41
   11: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21435 2 00000000dead0002 1
   12: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21436 2 00000000dead0003 5
`;

test('the drops of a port are those of all its sockets', () => {
  expect(dropsOf(table, 514)).toBe(42);
  expect(dropsOf(table, 53)).toBe(5);
});

test.each(['', 'x', table.replaceAll(/\d+$/gm, 'x')])('where there are none nothing is known: %.20j', (text) => {
  expect(dropsOf(text, 514)).toBeUndefined();
  expect(dropsOf(text, 5)).toBeUndefined();
});
