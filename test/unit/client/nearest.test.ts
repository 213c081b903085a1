import { expect, test } from 'vitest';
import { nearest } from '../../../packages/client/src/nearest.ts';

const verbs = ['status', 'list', 'ban', 'unban', 'why', 'reload', 'reconcile', 'version'];

test('a slip of the finger is understood, another word is not', () => {
  expect(['stauts', 'lst', 'bna', 'recon', 'reloda'].map((word) => nearest(word, verbs))).toEqual(['status', 'list', 'ban', 'reconcile', 'reload']);
  expect(['frobnicate', 'x', '', 'y'.repeat(10_000)].map((word) => nearest(word, verbs))).toEqual([undefined, undefined, undefined, undefined]);
});
