/** Framers on any bytes in any pieces: where a stream comes apart tells nothing, and what is held is bounded. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countedFramer, lineFramer, syslogFramer, type Framer } from '../../packages/server/src/ingest/framing.ts';
import { readJournalEntry } from '../../packages/server/src/ingest/journal-entry.ts';
import { oneLine } from '../../packages/server/src/ingest/one-line.ts';
import { parsed } from '../support/parsed.ts';
import { scaled } from '../support/search.ts';

const piece = fc.oneof(fc.constantFrom('\n', '<13>a', '3 abc', '12 ', '0', '99', ' ', 'sshd[1]: x', '\r\n', '\0', 'ä', 'x'.repeat(40)), fc.string({ maxLength: 5 }));
const stream = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join('')));

interface Outcome {
  readonly records: readonly string[];
  readonly held: number;
  readonly broken: string | undefined;
}

function read(framer: Framer, pieces: readonly Buffer[]): Outcome {
  const records: string[] = [];
  const each = (record: Buffer, isCut: boolean): void => void records.push(`${record.toString('latin1')} ${isCut}`);
  for (const one of pieces) framer.push(one, each);
  const { held, broken } = framer;
  framer.end(each);
  return { records, held, broken };
}

/** The stream in pieces, some of them empty. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

test.each([
  ['lines', lineFramer],
  ['counted frames', countedFramer],
  ['syslog', syslogFramer],
])('%s: any split of the bytes gives the same records', (_name, framer) => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), fc.integer({ min: 1, max: 60 }), (bytes, cuts, longest) => {
      const whole = read(framer(longest), [bytes]);
      expect(read(framer(longest), split(bytes, cuts))).toEqual(whole);
      expect(read(framer(longest), [...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
      for (const record of whole.records) expect(record.replace(/ (?:true|false)$/, '').length).toBeLessThanOrEqual(longest);
    }),
    { numRuns: scaled(3000) },
  );
});

test('what was framed by either way is read again', () => {
  const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 8 }), (all, cuts) => {
      const counted = Buffer.concat(all.flatMap((one) => [Buffer.from(`${one.length} `), one]));
      expect(read(syslogFramer(100), split(counted, cuts)).records).toEqual(all.map((one) => `${one.toString('latin1')} false`));
    }),
    { numRuns: scaled(2000) },
  );
});

test('a record is one line, in which its line ends can be seen and nothing else is other than it was', () => {
  fc.assert(
    fc.property(stream, (bytes) => {
      const line = oneLine(bytes, false).toString();
      expect(line).not.toContain('\n');
      expect(line.replaceAll('#012', '\n')).toBe(bytes.toString().replace(/[\r\n\0]+$/, '').replaceAll('#012', '\n'));
    }),
    { numRuns: scaled(3000) },
  );
});

test('no field that its sender chose makes a journal entry another program’s', () => {
  const hostile = fc.oneof(fc.string(), fc.array(piece, { maxLength: 6 }).map((all) => all.join('')), fc.constantFrom('\nsshd[1]: ', 'sshd[1]: x', 'sshd: ', ' sshd[1]: '));
  fc.assert(
    fc.property(hostile, hostile, hostile, (name, pid, message) => {
      const fields = { __CURSOR: 's=1', __REALTIME_TIMESTAMP: '1772506800000123', SYSLOG_IDENTIFIER: `evil${name}`, SYSLOG_PID: pid, MESSAGE: message, _HOSTNAME: 'gate' };
      const line = readJournalEntry(Buffer.from(JSON.stringify(fields)))?.line;
      if (line === undefined) return;
      expect(line.includes(0x0a)).toBe(false);
      expect(parsed(Buffer.from(line)).program.startsWith('evil')).toBe(true);
    }),
    { numRuns: scaled(5000) },
  );
});
