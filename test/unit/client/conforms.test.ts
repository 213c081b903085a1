import { bansResponse, routes } from 'banban-shared';
import { expect, test } from 'vitest';
import { misfit } from '../../../packages/client/src/conforms.ts';
import { aBan, aStatus, aWhy } from '../../support/answers.ts';

test('what banband answers fits, and so does what a newer one adds', () => {
  expect(misfit(aStatus(0), routes.status.response)).toBeUndefined();
  expect(misfit(aWhy(0), routes.why.response)).toBeUndefined();
  expect(misfit({ bans: [{ ...aBan(0), extra: 1 }], more: [] }, bansResponse)).toBeUndefined();
});

test('what does not fit is named by its place', () => {
  expect(misfit({ bans: [aBan(0), { ...aBan(0), until: 5 }] }, bansResponse)).toBe('$.bans[1].until');
  expect(misfit({ bans: [{ ...aBan(0), enforcement: 'perhaps' }] }, bansResponse)).toBe('$.bans[0].enforcement');
  expect(misfit({}, bansResponse)).toBe('$.bans');
  expect([null, [], 'x', 7].map((value) => misfit(value, bansResponse))).toEqual(['$', '$', '$', '$']);
});
