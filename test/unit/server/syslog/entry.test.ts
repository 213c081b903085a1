import { describe, expect, test } from 'vitest';
import { evidence, isOwn } from '../../../../packages/server/src/syslog/entry.ts';
import { entryOf } from '../../../support/parsed.ts';

describe('the evidence', () => {
  test('is the line as received, without its PRI', () => {
    expect(evidence(entryOf('<38>Mar  3 03:00:00 host sshd[1]: Grüße\t\x1b[31m'))).toBe('Mar  3 03:00:00 host sshd[1]: Grüße\t\x1b[31m');
    expect(evidence(entryOf('<38>1 - host sshd 1 - [a@1 b="c"] x'))).toBe('1 - host sshd 1 - [a@1 b="c"] x');
  });
  test('of a long line is its beginning and its length', () => {
    expect(evidence(entryOf('x'.repeat(2048)))).toBe('x'.repeat(2048));
    expect(evidence(entryOf('x'.repeat(2049)))).toBe(`${'x'.repeat(2048)}… (2049 bytes)`);
    expect(evidence(entryOf('x'.repeat(65_536))).length).toBeLessThan(2100);
  });
});

describe('a line is banban\'s own', () => {
  test.each(['banband[7]: x', 'Mar  3 03:00:00 host banband[7]: x', '<30>banband: x', '<30>1 - host banband 7 - - x'])('%s', (line) => {
    expect(isOwn(entryOf(line))).toBe(true);
  });
  test.each(['sshd[7]: banband[7]: x', 'banband-x[7]: x', 'banban[7]: x', 'Banband[7]: x', 'x/banband[7]: x', 'banband', 'banband 7'])('and this is not: %s', (line) => {
    expect(isOwn(entryOf(line))).toBe(false);
  });
});
