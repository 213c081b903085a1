import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { mendUtf8, splitLines, unescapeTabs } from '../../../../packages/server/src/syslog/lines.ts';
import { T0 } from '../../../support/records.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { policy } from '../../../support/policies.ts';
import { RealEngine } from '../../../support/real-engine.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { unrulyFirewall } from '../../../support/unruly-firewall.ts';

function linesOf(bytes: string): string[] {
  const lines: string[] = [];
  splitLines(Buffer.from(bytes, 'latin1'), (b, from, to) => lines.push(b.toString('latin1', from, to)));
  return lines;
}

describe('a delivery is cut into lines', () => {
  test.each([
    ['one without an end', 'one', ['one']],
    ['one with a line feed', 'one\n', ['one']],
    ['one with a NUL, as the C library may send it', 'one\0', ['one']],
    ['one with both, either way round', 'one\n\0', ['one']],
    ['one with both, either way round', 'one\0\n', ['one']],
    ['one with a carriage return', 'one\r\n', ['one']],
    ['several', 'one\ntwo\nthree', ['one', 'two', 'three']],
    ['several, empty ones among them', '\n\none\n\n\r\ntwo\0\0\n\n', ['one', 'two']],
    ['bytes within a line stay', 'o\0n\re\n', ['o\0n\re']],
    ['nothing', '', []],
    ['nothing but ends', '\n\0\r\n\0', []],
  ])('%s', (_, bytes, lines) => {
    expect(linesOf(bytes)).toEqual(lines);
  });
});

describe('rsyslog\'s #011 is a tab again', () => {
  const unescaped = (text: string, start = 0, end = text.length): string => {
    const bytes = Buffer.from(text);
    return bytes.toString('utf8', start, unescapeTabs(bytes, start, end));
  };
  test.each([
    ['a#011b', 'a\tb'],
    ['#011', '\t'],
    ['#011#011', '\t\t'],
    ['a#b#011c#012d#01', 'a#b\tc#012d#01'],
    ['##011', '#\t'],
    ['#0#011', '#0\t'],
    ['#01', '#01'],
    ['#', '#'],
    ['#0111', '\t1'],
    ['nothing to do', 'nothing to do'],
    ['', ''],
  ])('%j is %j', (text, result) => {
    expect(unescaped(text)).toBe(result);
  });
  test('no other control byte is brought back: a line feed above all could only be the far side\'s', () => {
    for (let code = 0; code < 512; code++) {
      if (code === 0o11) continue;
      const escaped = `a#${code.toString(8).padStart(3, '0')}b`;
      expect(unescaped(escaped)).toBe(escaped);
    }
  });
  test('the lines before and after are not touched', () => {
    const text = 'a#011b\nc#011d\ne#011f';
    const bytes = Buffer.from(text);
    const end = unescapeTabs(bytes, 7, 13);
    expect(bytes.toString('utf8', 7, end)).toBe('c\td');
    expect(bytes.toString('utf8', 0, 7)).toBe('a#011b\n');
    expect(bytes.toString('utf8', 13)).toBe('\ne#011f');
    // An escape that only seems to be one with the bytes of the next line.
    expect(unescaped('ab#011', 0, 5)).toBe('ab#01');
    expect(unescaped('ab\n#011', 0, 2)).toBe('ab');
  });
});

describe('bytes that are no UTF-8 become question marks, one each', () => {
  const mended = (bytes: readonly number[]): string => {
    const buffer = Buffer.from(bytes);
    mendUtf8(buffer);
    expect(isUtf8(buffer)).toBe(true);
    expect(buffer.length).toBe(bytes.length);
    return buffer.toString();
  };
  test.each([
    ['Latin-1', [0x61, 0xe4, 0x62], 'a?b'],
    ['a continuation alone', [0x80, 0xbf, 0x61], '??a'],
    ['an overlong slash', [0xc0, 0xaf], '??'],
    ['an overlong slash in three', [0xe0, 0x80, 0xaf], '???'],
    ['an overlong slash in four', [0xf0, 0x80, 0x80, 0xaf], '????'],
    ['half a surrogate', [0xed, 0xa0, 0x80], '???'],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '????'],
    ['lead bytes that do not exist', [0xf5, 0x80, 0x80, 0x80, 0xff, 0xfe], '??????'],
    ['a sequence cut by the end', [0x61, 0xf0, 0x9f, 0x98], 'a???'],
    ['a sequence cut by a line feed', [0xe2, 0x82, 0x0a, 0x61], '??\na'],
    ['a sequence cut by the next one', [0xe2, 0x82, 0xc3, 0xa4], '??ä'],
  ])('%s', (_, bytes, text) => {
    expect(mended(bytes)).toBe(text);
  });
  test('every character that there is stays', () => {
    for (let code = 0; code <= 0x10ffff; code += code < 0x1000 ? 1 : 251) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const character = String.fromCodePoint(code);
      if (mended([...Buffer.from(character)]) !== character) throw new Error(`U+${code.toString(16)} was changed`);
    }
  });
});

describe('a later line of a delivery counts only when it has what the first one has', () => {
  const FAILED = 'sshd[1]: Failed password for x from 192.0.2.1 port 1 ssh2';
  const STAMP = 'Mar  3 03:00:00 host';
  /** How many lines of the delivery counted in the rule, and how many were refused. */
  function counted(delivery: string): { readonly bad: number; readonly unparsed: number } {
    const real = new RealEngine(`${tempDir()}/banban.db`, fakeClock(), unrulyFirewall(), policy());
    try {
      real.engine.deliver(Buffer.from(delivery), T0);
      real.clock.turn();
      const { bad, unparsed } = real.engine.counters();
      return { bad, unparsed };
    } finally {
      real.close();
    }
  }
  test.each([
    ['both have PRI and stamp', `<38>${STAMP} ${FAILED}\n<38>${STAMP} ${FAILED}`, 2],
    ['both have a stamp', `${STAMP} ${FAILED}\n${STAMP} ${FAILED}`, 2],
    ['both have a PRI', `<38>${FAILED}\n<38>${FAILED}`, 2],
    ['neither has either', `${FAILED}\n${FAILED}`, 2],
    ['the second has more', `${FAILED}\n<38>${STAMP} ${FAILED}`, 2],
    ['the forms differ', `<38>${STAMP} ${FAILED}\n<38>1 - host sshd 1 - - ${FAILED.slice(9)}`, 2],
    ['the second has no PRI', `<38>${STAMP} ${FAILED}\n${STAMP} ${FAILED}`, 1],
    ['the second has no stamp', `<38>${STAMP} ${FAILED}\n<38>${FAILED}`, 1],
    ['the second is the rest of a message with a line break in it', `<38>${STAMP} app[2]: hello\n${FAILED}`, 0],
    ['and after a blank line', `${STAMP} app[2]: hello\n\n${FAILED}`, 0],
    ['the third has what it takes again', `<38>${STAMP} ${FAILED}\n${FAILED}\n<38>${STAMP} ${FAILED}`, 2],
  ])('%s', (_, delivery, bad) => {
    const lines = linesOf(delivery).length;
    expect(counted(delivery)).toEqual({ bad, unparsed: lines - bad - (delivery.includes('hello') ? 1 : 0) });
  });
});
