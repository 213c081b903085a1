import { ApiError, errorCodes, type ErrorCode } from 'banban-shared';
import { expect, test } from 'vitest';
import { explainConnection, noAnswer } from '../../../packages/client/src/errors.ts';
import { exitCodeOf } from '../../../packages/client/src/exit.ts';

const failing = (code: string) => explainConnection(Object.assign(new Error(code), { code }), '/s', false);

test('every error of the API ends with 1', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) expect(exitCodeOf(new ApiError(code, 'x'))).toBe(1);
});

test('no permission is 5, every other lack of an answer 4', () => {
  expect(['EACCES', 'EPERM'].map((code) => exitCodeOf(failing(code)))).toEqual([5, 5]);
  expect(['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ECONNRESET', 'HPE_INVALID_CONSTANT', 'whatever'].map((code) => exitCodeOf(failing(code)))).toEqual([4, 4, 4, 4, 4, 4]);
  expect(exitCodeOf(noAnswer('/s', 10, false))).toBe(4);
});

test('only a request that changes something leaves in doubt whether it was done', () => {
  expect(noAnswer('/s', 10, true).next).toContain('Whether it was done is not known');
  expect(noAnswer('/s', 10, false).next).not.toContain('Whether');
});
