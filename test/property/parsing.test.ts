/** The parser on any bytes at all, and the one thing that must not depend on what the far side wrote: the program. */
import fc from 'fast-check';
import { isUtf8 } from 'node:buffer';
import { expect, test } from 'vitest';
import { evidence, isOwn, newEntry } from '../../packages/server/src/syslog/entry.ts';
import { mendUtf8, splitLines, unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import { misplaced, parsed, saysOf } from '../support/parsed.ts';
import { scaled } from '../support/search.ts';

/** Pieces of syslog lines and of what might upset their reader. */
const piece = fc.oneof(
  fc.constantFrom(
    '<13>', '<191>', '<', '>', '1 ', '- ', '-', 'Mar  3 03:00:00 ', 'Mar 13 2026 03:00:00.5: ', '2026-03-03T03:00:00', '2026-03-03T03:00:00,123+01:00 ', 'Z ', 'host ', 'sshd', 'sshd[811]: ', 'banband[1]: ', '[', ']', ': ', ':', '[a@1 b="c"]', '[a', '"', '\\', '\\"', '\\]', ' ', '  ',
    '#011', '#01', '#', '\n', '\r', '\0', '\t', '\ufeff', '- \ufeff', 'ä', 'x'.repeat(129),
  ),
  fc.string({ maxLength: 6 }),
);
const anyBytes = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 25 }).map((pieces) => Buffer.from(pieces.join(''))) },
  { weight: 1, arbitrary: fc.array(piece, { maxLength: 25 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);

test('any bytes give entries whose places are within their lines', () => {
  let programs = 0;
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const entry = newEntry();
      mendUtf8(bytes);
      expect(isUtf8(bytes)).toBe(true);
      let last = 0;
      splitLines(bytes, (b, from, to) => {
        expect(b).toBe(bytes);
        expect(from >= last && from < to && to <= bytes.length, 'a line is not empty, within the bytes and after the one before').toBe(true);
        last = to;
        const end = unescapeTabs(b, from, to);
        expect(end > from && end <= to).toBe(true);
        parseLine(b, from, end, entry);
        expect(misplaced(entry)).toBeUndefined();
        expect(entry.lineStart >= from && entry.lineEnd === end).toBe(true);
        if (entry.programEnd > entry.textStart) programs++;
        expect(entry.programEnd - entry.textStart).toBeLessThanOrEqual(128);
        expect(evidence(entry).length).toBeLessThanOrEqual(2100);
        isOwn(entry);
      });
    }),
    { numRuns: scaled(20_000) },
  );
  expect(programs, 'lines with a program').toBeGreaterThan(300);
});

test('a line is read the same wherever it stands in the bytes, and whatever stands around it', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, anyBytes, (before, line, following) => {
      const bytes = Buffer.concat([before, line, following]);
      const entry = newEntry();
      parseLine(bytes, before.length, before.length + line.length, entry);
      expect(misplaced(entry)).toBeUndefined();
      expect(entry.lineStart).toBeGreaterThanOrEqual(before.length);
      expect(saysOf(entry)).toEqual(parsed(Buffer.from(line)));
    }),
    { numRuns: scaled(20_000) },
  );
});

test('parsing does not change the bytes', () => {
  fc.assert(fc.property(anyBytes, (bytes) => {
    const copy = Buffer.from(bytes);
    parseLine(bytes, 0, bytes.length, newEntry());
    expect(bytes.equals(copy)).toBe(true);
  }), { numRuns: scaled(3000) });
});

/** What a service or its sender writes before the message, and the program that it names. */
const header = fc.oneof(
  fc.record({
    pri: fc.constantFrom('', '<13>', '<38>', '<191>'),
    stamp: fc.constantFrom('', 'Mar  3 03:00:00 ', 'Mar 03 2026 03:00:00 ', '2026-03-03T03:00:00.123456+01:00 ', '2026-03-03T03:00:00,123Z '),
    host: fc.constantFrom('', 'host ', 'host.example.net ', '192.0.2.9 ', '2001:db8::9 '),
    program: fc.constantFrom('sshd', 'sshd-session', 'postfix/smtpd', 'dovecot', 'CRON', '(systemd)', 'a.out', 'x'),
    pid: fc.constantFrom('', '[1]', '[4194304]'),
  }).map(({ pri, stamp, host, program, pid }) => ({ program, text: `${program}${pid}: `, head: `${pri}${stamp}${stamp === '' ? '' : host}${program}${pid}: ` })),
  fc.record({
    stamp: fc.constantFrom('-', '2026-03-03T03:00:00Z', '2026-03-03T03:00:00.123456+01:00'),
    host: fc.constantFrom('-', 'host.example.net'),
    program: fc.constantFrom('sshd', 'postfix/smtpd', 'x'),
    pid: fc.constantFrom('-', '811'),
    id: fc.constantFrom('-', 'ID47'),
    data: fc.oneof(fc.constantFrom('-', '[timeQuality tzKnown="1"]'), fc.string({ maxLength: 12 }).map((value) => `[a@1 b="${value.replace(/["\\\]]/g, '\\$&')}"][c@2]`)),
    mark: fc.constantFrom('', '\ufeff'),
  }).map(({ stamp, host, program, pid, id, data, mark }) => ({ program, text: `${program}${pid === '-' ? '' : `[${pid}]`}: `, head: `<38>1 ${stamp} ${host} ${program} ${pid} ${id} ${data} ${mark}` })),
);

test('no message changes which program a line is of, nor what is matched', () => {
  const message = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('').replaceAll('\ufeff', ''));
  fc.assert(fc.property(header, message, ({ head, program, text }, said) => {
    // RFC 5424 begins its message with a space of rsyslog's own, where there is one.
    expect(parsed(head + said)).toEqual({ program, text: text + (head.startsWith('<38>1 ') ? said.replace(/^ /, '') : said) });
  }), { numRuns: scaled(20_000) });
});

test('mending changes nothing that is well formed, and every byte that is not', () => {
  const good = fc.string({ unit: 'binary', maxLength: 6 }).map((s) => Buffer.from(s));
  // Bytes that are part of no character wherever they stand.
  const broken = fc.constantFrom(0xc0, 0xc1, 0xf5, 0xf8, 0xfe, 0xff).map((b) => Buffer.from([b]));
  fc.assert(fc.property(fc.array(fc.oneof(good, broken), { maxLength: 12 }), (parts) => {
    const bytes = Buffer.concat(parts);
    mendUtf8(bytes);
    const wanted = Buffer.concat(parts.map((part) => (part.length === 1 && (part[0] ?? 0) >= 0xc0 ? Buffer.from('?') : part)));
    expect(bytes.equals(wanted)).toBe(true);
  }), { numRuns: scaled(5000) });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (raw) => {
    const bytes = Buffer.from(raw);
    mendUtf8(bytes);
    expect(isUtf8(bytes)).toBe(true);
    raw.forEach((byte, i) => byte < 0x80 && expect(bytes[i]).toBe(byte));
    // As strict as the standard's own reader: it keeps the same characters.
    const kept = new TextDecoder().decode(raw).replaceAll('\ufffd', '');
    expect([...bytes.toString()].filter((c) => (c.codePointAt(0) ?? 0) >= 0x80 && c !== '\ufffd').join('')).toBe([...kept].filter((c) => (c.codePointAt(0) ?? 0) >= 0x80).join(''));
  }), { numRuns: scaled(5000) });
});

test('unescaping tabs is what replacing them in the text would be', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('#', '0', '1', '011', '#011', 'x', '\n'), { maxLength: 30 }), fc.nat(30), fc.nat(30), (parts, a, b) => {
    const text = parts.join('');
    const [from, to] = [Math.min(a, b, text.length), Math.min(Math.max(a, b), text.length)];
    const bytes = Buffer.from(text);
    const end = unescapeTabs(bytes, from, to);
    expect(bytes.toString('utf8', from, end)).toBe(text.slice(from, to).replaceAll('#011', '\t'));
    expect(bytes.toString('utf8', 0, from)).toBe(text.slice(0, from));
    expect(bytes.toString('utf8', to)).toBe(text.slice(to));
  }), { numRuns: scaled(10_000) });
});
