import fc from 'fast-check';
import type { Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { entryOf, findBlock, subjectOfLine, subjectsIn, withChange, type Block } from '../../../../packages/server/src/enforce/hosts-deny-text.ts';
import { prefix } from '../../../support/policies.ts';
import { address, nth } from '../../../support/records.ts';

const subject = (text: string): Subject => (text.includes('/') ? prefix(text) : address(text));

const NONE: ReadonlySet<Subject> = new Set();

/** The block, which has to be whole. */
function blockOf(text: string, target = 'X'): Block | undefined {
  const block = findBlock(text, target);
  if (block !== undefined && 'message' in block) throw new Error(block.message);
  return block;
}

const subjects = (text: string, target = 'X'): Subject[] => {
  const block = blockOf(text, target);
  return block === undefined ? [] : [...subjectsIn(text, block)];
};

const change = (text: string, remove: readonly Subject[], add: readonly Subject[], target = 'X'): string => withChange(text, target, blockOf(text, target), new Set(remove), add);

const BEGIN = '# banban X begin (do not edit; banban rewrites these lines)\n';
const END = '# banban X end\n';

describe('a line', () => {
  test.each([
    ['203.0.113.7', 'ALL: 203.0.113.7'],
    ['2001:db8::1', 'ALL: [2001:db8::1]/128'],
    ['203.0.113.0/24', 'ALL: 203.0.113.0/255.255.255.0'],
    ['203.0.113.8/29', 'ALL: 203.0.113.8/255.255.255.248'],
    ['0.0.0.0/0', 'ALL: 0.0.0.0/0.0.0.0'],
    ['128.0.0.0/1', 'ALL: 128.0.0.0/128.0.0.0'],
    ['10.0.0.0/31', 'ALL: 10.0.0.0/255.255.255.254'],
    ['2001:db8:1::/48', 'ALL: [2001:db8:1::]/48'],
    ['::/0', 'ALL: [::]/0'],
  ])('for %s is %s, and is read back', (text, line) => {
    expect(entryOf(subject(text))).toBe(line);
    expect(subjectOfLine(line)).toBe(subject(text));
  });

  test.each([
    ['ALL: [2001:DB8:0::1]', '2001:db8::1'],
    ['ALL:203.0.113.7 \t\r', '203.0.113.7'],
    ['ALL: 198.51.100.0/24', '198.51.100.0/24'],
    ['ALL: [2001:db8:1:2::]/48', '2001:db8:1::/48'],
  ])('%j is %s in other words', (line, text) => {
    expect(subjectOfLine(line)).toBe(text);
  });

  test.each([
    '', '#ALL: 203.0.113.7', 'sshd: 203.0.113.7', 'ALL: 203.0.113.7, 203.0.113.8', 'ALL: 203.0.113.7: allow', 'ALL: 203.0.113.7 EXCEPT ALL', 'ALL: .example.org', 'ALL: 203.0.113.',
    'ALL: 203.0.113.7\u00a0', 'ALL: ALL', 'ALL EXCEPT sshd: 203.0.113.7', 'ALL: 010.0.0.1', 'ALL: 2001:db8::1', 'ALL: [203.0.113.7]', 'ALL: 203.0.113.7\\',
    // What libwrap never matches.
    'ALL: 203.0.113.7/255.255.255.255', 'ALL: 203.0.113.7/32', 'ALL: 203.0.113.7/255.255.255.0', 'ALL: [::ffff:203.0.113.7]', 'ALL: 203.0.113.0/255.0.255.0', 'ALL: 203.0.113.0/24/24',
  ])('%j is somebody else’s', (line) => {
    expect(subjectOfLine(line)).toBeUndefined();
  });
});

describe('a block', () => {
  test('stands before all that was there, and goes with its last line', () => {
    const other = '# mine\nsshd: .example.org \\\n';
    const text = change(other, [], [nth(1), subject('2001:db8:1::/48')]);
    expect(text).toBe(`${BEGIN}ALL: 10.0.0.1\nALL: [2001:db8:1::]/48\n${END}${other}`);
    expect(change(change(text, [nth(1)], []), [subject('2001:db8:1::/48'), nth(9)], [])).toBe(other);
    expect(change('', [nth(1)], [])).toBe('');
  });

  test('stays where somebody has moved it, with lines that he put in it', () => {
    const text = `# mine\n${BEGIN}ALL: 10.0.0.1\n# a note\nALL: 192.0.2.7\r\nsshd: evil.example\nALL: 10.0.0.2\n${END}# the end`;
    expect(subjects(text)).toEqual([nth(1), '192.0.2.7', nth(2)]);
    expect(change(text, [nth(2), nth(1)], [nth(3)])).toBe(`# mine\n${BEGIN}# a note\nALL: 192.0.2.7\r\nsshd: evil.example\nALL: 10.0.0.3\n${END}# the end`);
    expect(change(text, [nth(1), nth(2), subject('192.0.2.7')], [])).toBe(`# mine\n${BEGIN}# a note\nsshd: evil.example\n${END}# the end`);
  });

  test('has each address once, however often it is added, and loses it however often it is there', () => {
    const text = change('', [], [nth(1), nth(1)]);
    expect(change(text, [], [nth(1)])).toBe(text);
    expect(change(`${BEGIN}ALL: 10.0.0.1\nALL: 10.0.0.1\nALL:10.0.0.1\n${END}`, [nth(1)], [])).toBe('');
  });

  test('is of its target alone', () => {
    const text = change(change('# mine\n', [], [nth(1)], 'X'), [], [nth(2), nth(1)], 'XX');
    expect([subjects(text, 'X'), subjects(text, 'XX'), subjects(text, 'Y')]).toEqual([[nth(1)], [nth(2), nth(1)], []]);
    expect(change(text, [nth(1), nth(2)], [], 'XX')).toBe(`${BEGIN}ALL: 10.0.0.1\n${END}# mine\n`);
  });

  test('is read when an editor has put a carriage return behind every line', () => {
    const text = change('# mine\n', [], [nth(1)]).replaceAll('\n', '\r\n');
    expect(subjects(text)).toEqual([nth(1)]);
    expect(change(text, [nth(1)], [])).toBe('# mine\r\n');
  });

  test('begins with nothing that is a command where the line is none: no colon', () => {
    expect(BEGIN).not.toContain(':');
    expect(change('', [], [nth(1)]).startsWith(BEGIN)).toBe(true);
  });

  const ENTRY = 'ALL: 10.0.0.1\n';
  test.each([
    ['without an end', `# mine\n${BEGIN}${ENTRY}`, 2, /begin banban's lines of X, and nothing says where they end; put "# banban X end" behind the last of them/],
    ['without a beginning', `${ENTRY}${END}`, 2, /end banban's lines of X, and nothing says where they begin; delete them/],
    ['twice', `${BEGIN}${ENTRY}${END}\n${BEGIN}${END}`, 5, /a second time; delete these, or the others/],
    ['with two ends', `${BEGIN}${ENTRY}${END}${END}`, 4, /a second time/],
    ['with two beginnings', `${BEGIN}${BEGIN}${END}`, 1, /other lines of banban's before they end/],
    ['with the end first', `${END}${BEGIN}`, 1, /nothing says where they begin/],
    ['in which another begins', `${BEGIN}# banban Y begin\n# banban Y end\n${END}`, 1, /other lines of banban's before they end/],
    ['behind a line that ends with a backslash', `# mine\nsshd: ALL \\\n${BEGIN}${ENTRY}${END}`, 2, /ends with a backslash.+take the backslash away/],
    ['with a line in it that ends with a backslash', `${BEGIN}# note \\\n${ENTRY}${END}`, 2, /ends with a backslash/],
    ['whose last line ends with a backslash', `${BEGIN}${ENTRY}sshd: ALL \\\n${END}`, 3, /ends with a backslash/],
  ])('%s is told with its line', (_, text, line, message) => {
    expect(findBlock(text, 'X')).toEqual({ line, message: expect.stringMatching(message) as string });
  });

  test.each(['# banban X', '# banban X beginning', ' # banban X begin', '#banban X begin', '# banban X-RAY begin', '## banban X begin'])('does not begin with %j', (line) => {
    expect(findBlock(`${line}\n`, 'X')).toBeUndefined();
  });
});

describe('whatever stands in the file', () => {
  const byte = fc.mapToConstant({ num: 256, build: (code) => String.fromCharCode(code) });
  /** Lines of all sorts, marks of other targets among them, and none of X. */
  const line = fc.oneof(
    fc.string({ unit: byte, maxLength: 30 }),
    fc.constantFrom('# banban Y begin', '# banban Y end', 'ALL: 10.0.0.1', 'sshd: ALL \\', '\r', '', '# banban', 'ALL: [2001:db8::1]'),
  );
  const other = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
  const anyAddress = fc.integer({ min: 0, max: 30 }).map(nth);
  const anySubject = fc.oneof(anyAddress, fc.constantFrom('2001:db8::1', '2001:db8:1::/48', '203.0.113.0/24', '198.51.100.0/25', '::1').map(subject));

  test('comes out byte for byte, and what was written is read', () => {
    fc.assert(
      fc.property(other, fc.uniqueArray(anySubject), (text, added) => {
        const written = change(text, [], added);
        expect(new Set(subjects(written))).toEqual(new Set(added));
        if (added.length > 0) expect(written.endsWith(text)).toBe(true);
        expect(Buffer.from(written, 'latin1').toString('latin1')).toBe(written);
        expect(change(written, added, [])).toBe(text);
      }),
    );
  });

  test('is left alone around a block that is anywhere, by any number of changes', () => {
    const changes = fc.array(fc.tuple(fc.array(anySubject, { maxLength: 5 }), fc.array(anySubject, { maxLength: 5 })), { maxLength: 6 });
    fc.assert(
      fc.property(other, other, changes, (before, after, steps) => {
        // Where a line may end with a backslash there is a note of the admin's first.
        const above = before === '' ? '' : `${before}\n# mine\n`;
        let text = `${above}${BEGIN}# kept\n${END}${after}`;
        if (blockOfOrBroken(text)) return;
        const wanted = new Set<Subject>();
        for (const [remove, add] of steps) {
          text = change(text, remove, add);
          for (const one of remove) wanted.delete(one);
          for (const one of add) wanted.add(one);
          expect(new Set(subjects(text))).toEqual(wanted);
        }
        expect(text.startsWith(`${above}${BEGIN}`)).toBe(true);
        expect(text.endsWith(`${END}${after}`)).toBe(true);
        expect(text).toContain('# kept\n');
      }),
    );
  });

  const blockOfOrBroken = (text: string): boolean => {
    const block = findBlock(text, 'X');
    return block === undefined || 'message' in block;
  };

  test('a look at it never throws, and no change of nothing changes it', () => {
    const marks = fc.constantFrom(BEGIN, END, '# banban Y begin\n', '# banban Y end\n', 'ALL: 10.0.0.1\n', 'x \\\n');
    fc.assert(
      fc.property(fc.array(fc.oneof(marks, other.map((text) => `${text}\n`)), { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        const block = findBlock(text, 'X');
        if (block !== undefined && 'message' in block) return;
        const lines = block === undefined ? '' : text.slice(block.from, block.to);
        expect(withChange(text, 'X', block, NONE, [])).toBe(lines === '' ? text.slice(0, block?.start ?? 0) + text.slice(block?.end ?? 0) : text);
      }),
    );
  });
});
