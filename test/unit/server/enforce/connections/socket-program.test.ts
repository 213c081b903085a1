import { expect, test } from 'vitest';
import { socketIn } from '../../../../../packages/server/src/enforce/connections/socket-program.ts';

test.each([
  ['tcp   ESTAB      0      0      198.51.100.1:22      192.0.2.1:1000', '192.0.2.1', 'tcp 192.0.2.1 1000 198.51.100.1 22'],
  ['tcp   ESTAB      0      0      198.51.100.1:22      192.0.2.1:1000  users:(("sshd",pid=1,fd=3))', '192.0.2.1', 'tcp 192.0.2.1 1000 198.51.100.1 22'],
  ['udp   ESTAB      0      0      [2001:db8::1]:53     [2001:db8::2]:5353', '2001:db8::2', 'udp 2001:db8::2 5353 2001:db8::1 53'],
  ['tcp   CLOSE-WAIT 1      0      [::ffff:198.51.100.1]:22 [::ffff:192.0.2.1]:1000 ', '::ffff:192.0.2.1', 'tcp 192.0.2.1 1000 198.51.100.1 22'],
  ['tcp   ESTAB      0      0      [fe80::1%eth0]:22    [fe80::2%eth0]:1000', 'fe80::2', 'tcp fe80::2 1000 fe80::1 22'],
])('%s', (line, far, key) => {
  expect(socketIn(line)).toEqual({ far, key });
});

test.each(['Netid State Recv-Q', '', 'tcp ESTAB 0 0 192.0.2.1:ssh 192.0.2.2:1', 'u_str ESTAB 0 0 * 1 * 2', 'tcp ESTAB 0 0'])('%j is no socket', (line) => {
  expect(socketIn(line)).toBeUndefined();
});
