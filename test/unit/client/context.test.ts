import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { connectedFrom, whoAsks } from '../../../packages/client/src/context.ts';

test('the person is the one behind sudo, else the user', () => {
  expect(whoAsks({ SUDO_USER: 'anna' })).toBe('anna');
  expect(whoAsks({ SUDO_USER: '' })).toBe(userInfo().username);
  expect(whoAsks({})).toBe(userInfo().username);
});

test('a name is never longer than the API takes it', () => {
  expect(whoAsks({ SUDO_USER: 'x'.repeat(1000) })).toHaveLength(64);
});

test('where the person is connected from is what sshd says', () => {
  expect(connectedFrom({ SSH_CONNECTION: '203.0.113.7 4242 192.0.2.1 22', SSH_CLIENT: '203.0.113.7 4242 22' })).toEqual(['203.0.113.7']);
  expect(connectedFrom({ SSH_CONNECTION: 'fe80::1%eth0 4242 fe80::2%eth0 22', SSH_CLIENT: '203.0.113.7 4242 22' })).toEqual(['fe80::1', '203.0.113.7']);
  for (const env of [{}, { SSH_CONNECTION: '' }, { SSH_CLIENT: ' 22' }, { SSH_CONNECTION: 'x'.repeat(1000) }]) expect(connectedFrom(env)).toEqual([]);
});
