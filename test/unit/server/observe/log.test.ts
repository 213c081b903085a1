import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLog, printable, type LogFields } from '../../../../packages/server/src/observe/log.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

function log(style: 'text' | 'json') {
  const written: string[] = [];
  return { log: createLog(fakeClock(), style, (line) => void written.push(line)), written };
}
const lineOf = (style: 'text' | 'json', event: string, fields?: LogFields, level: 'info' | 'warn' | 'error' = 'info'): string => {
  const { log: made, written } = log(style);
  made[level](event, fields);
  expect(written).toHaveLength(1);
  return written[0] ?? '';
};
const objectOf = (fields: LogFields): Record<string, unknown> => JSON.parse(lineOf('json', 'ban', fields)) as Record<string, unknown>;

/** What moves a terminal's cursor, colours it, rings, or turns the direction of text round. */
const HOSTILE = '\u001b[31m\u0007\r\n\0\t\u007f\u009b2J\u202e\u2066\u200f\u2028';
// eslint-disable-next-line no-control-regex
const RAW = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200e\u200f\u2028\u2029]/;

describe('text', () => {
  test('is time, what happened, and the fields', () => {
    expect(lineOf('text', 'ban_ended', { address: '192.0.2.1', by: 'expired', count: 3, done: true })).toBe('03:04:05 ban ended address=192.0.2.1 by=expired count=3 done=true\n');
  });
  test('marks what wants attention', () => {
    expect(lineOf('text', 'list_missing', {}, 'warn')).toBe('03:04:05 warning: list missing\n');
    expect(lineOf('text', 'database_failed', { message: 'full' }, 'error')).toBe('03:04:05 ERROR: database failed (full)\n');
  });
  test('leaves out what says nothing, and shows several lines in one', () => {
    expect(lineOf('text', 'ban', { reason: null, message: '', empty: '', lines: ['one', 'two'], none: [] })).toBe('03:04:05 ban lines=one | two none=\n');
  });
  test('is one line, without a control byte, whatever is in it', () => {
    const all: readonly LogFields[] = [{ message: HOSTILE }, { lines: [HOSTILE, HOSTILE] }, { address: HOSTILE }, { [HOSTILE]: 1 }];
    for (const fields of all) {
      const line = lineOf('text', 'ban', fields);
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(RAW);
      expect(line).toContain(String.raw`\x1b[31m\x07\x0d\x0a\x00\x09\x7f\x9b2J\u202e\u2066\u200f\u2028`);
    }
  });
  test('no text at all brings a control byte through', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.string({ unit: 'binary', maxLength: 20 }), (message, key) => {
      const line = lineOf('text', 'ban', { message, [key]: message, lines: [message] });
      expect(line.slice(0, -1)).not.toMatch(RAW);
    }), { numRuns: 3000 });
  });
});

describe('JSON', () => {
  test('is an object a line with time, level and event first', () => {
    expect(lineOf('json', 'ban', { address: '192.0.2.1', lines: ['a', 'b'], until: null }, 'warn')).toBe(
      '{"time":"2026-01-02T03:04:05.678Z","level":"warn","event":"ban","address":"192.0.2.1","lines":["a","b"],"until":null}\n',
    );
  });
  test('a field can’t pass for the log’s own word', () => {
    expect(objectOf({ time: 'yesterday', level: 'error', event: 'stopped', x: 1 })).toEqual({ time: '2026-01-02T03:04:05.678Z', level: 'info', event: 'ban', x: 1 });
    expect(lineOf('json', 'ban', { level: 'error' }).match(/"level"/g), 'nor stand there twice').toHaveLength(1);
  });
  test('gives back what was put in, whatever it was, in one line', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 3 }), (message, lines) => {
      const line = lineOf('json', 'ban', { message, lines });
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.parse(line)).toEqual({ time: '2026-01-02T03:04:05.678Z', level: 'info', event: 'ban', message, lines });
    }), { numRuns: 3000 });
  });
});

describe('printable', () => {
  test('leaves text of any script as it is', () => {
    expect(printable('Füße 東京 \u{1f600} a\\x1b')).toBe('Füße 東京 \u{1f600} a\\x1b');
  });
});
