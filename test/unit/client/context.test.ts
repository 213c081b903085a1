import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { whoAsks } from '../../../packages/client/src/context.ts';

test('the person is the one behind sudo, else the user', () => {
  expect(whoAsks({ SUDO_USER: 'anna' })).toBe('anna');
  expect(whoAsks({ SUDO_USER: '' })).toBe(userInfo().username);
  expect(whoAsks({})).toBe(userInfo().username);
});

test('a name is never longer than the API takes it', () => {
  expect(whoAsks({ SUDO_USER: 'x'.repeat(1000) })).toHaveLength(64);
});
