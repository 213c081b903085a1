import { expect, test } from 'vitest';
import { tellingLog } from '../../../../packages/server/src/observe/telling-log.ts';
import { quietLog } from '../../../support/quiet-log.ts';

test('everything is logged, and errors are told as sentences', () => {
  const log = quietLog();
  const told: string[] = [];
  const telling = tellingLog(log, (sentence) => told.push(sentence), new Set(['told_otherwise']));
  telling.info('started', { pid: 1 });
  telling.warn('config', { message: 'm' });
  telling.error('list_failed', { target: 'BLOCKER', backend: 'ipset', message: 'it is gone' });
  telling.error('told_otherwise', { message: 'm' });
  telling.error('bare');
  telling.error('lines', { lines: ['a', 'b'], none: null, empty: '' });
  expect(log.said.map(({ level, event }) => `${level} ${event}`)).toEqual(['info started', 'warn config', 'error list_failed', 'error told_otherwise', 'error bare', 'error lines']);
  expect(told).toEqual(['list failed (target BLOCKER; backend ipset): it is gone', 'bare', 'lines (lines a, b)']);
});
