import { expect, test } from 'vitest';
import { logindLogin } from '../../../../packages/server/src/guards/logind.ts';

const session = (lines: Readonly<Record<string, string>>): string =>
  `# This is private data. Do not parse.\n${Object.entries({ UID: '1000', USER: 'anna', ACTIVE: '1', STATE: 'active', REMOTE: '1', TYPE: 'tty', CLASS: 'user', TTY: 'pts/0', SERVICE: 'sshd', LEADER: '4242', ...lines }).map(([key, value]) => `${key}=${value}\n`).join('')}`;

test('a session from elsewhere is a login', () => {
  expect(logindLogin(session({ REMOTE_HOST: '203.0.113.7' }))).toEqual({ address: '203.0.113.7', user: 'anna', terminal: 'pts/0' });
  expect(logindLogin(session({ REMOTE_HOST: 'fe80::1%eth0', TTY: '' }))).toEqual({ address: 'fe80::1', user: 'anna', terminal: undefined });
});

test('a local one, one by name, and one that is over are none', () => {
  expect(logindLogin(session({}))).toBeUndefined();
  expect(logindLogin(session({ REMOTE_HOST: 'host.example' }))).toBeUndefined();
  expect(logindLogin(session({ REMOTE_HOST: '203.0.113.7', STATE: 'closing' }))).toBeUndefined();
});

test('a file of anything is none', () => {
  for (const text of ['', '\n', '=', 'REMOTE_HOST', 'REMOTE_HOST=\0', '\u0000'.repeat(100)]) expect(logindLogin(text)).toBeUndefined();
  expect(logindLogin('REMOTE_HOST=203.0.113.7\nUSER=\x1b[2J')).toEqual({ address: '203.0.113.7', user: '?[2J', terminal: undefined });
});
