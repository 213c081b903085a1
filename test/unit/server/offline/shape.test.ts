import { describe, expect, test } from 'vitest';
import { shapeOf } from '../../../../packages/server/src/offline/shape.ts';

describe('a line’s shape', () => {
  test.each([
    ['sshd[811]: Failed for bob from 203.0.113.7 port 22', 'sshd[#]: Failed for bob from <ip> port #'],
    ['from 2001:db8::1 and ::1, to fe80::1%eth0', 'from <ip> and <ip>, to <ip>%eth#'],
    ['from 203.0.113.7.', 'from <ip>.'],
    ['from 203.0.113.7:4242', 'from <ip>:#'],
    ['id 4bf92f3577b34da6a3ce929d0e0e4736 done', 'id <hex> done'],
    ['id deadbeef, 1234abcd', 'id deadbeef, <hex>'],
    ['version 1.2.3.4.5', 'version #.#.#.#.#'],
    ['no digits at all', 'no digits at all'],
    ['', ''],
  ])('of %j is %j', (line, shape) => expect(shapeOf(line)).toBe(shape));
  test('is one for lines that differ in numbers and addresses only', () => {
    expect(shapeOf('a[1]: x from 192.0.2.1 port 1')).toBe(shapeOf('a[22]: x from 2001:db8::7 port 4242'));
  });
  test('is of a length that a person reads, and costs no more for a longer line', () => {
    expect(shapeOf('x'.repeat(100_000))).toBe('x'.repeat(160));
    expect(shapeOf(`${'1.2.3.4 '.repeat(50_000)}`).length).toBeLessThanOrEqual(160);
  });
});
