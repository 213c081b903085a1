/** Datagrams as a log socket may get them: good ones of every form, and what becomes of them by chance and by malice. */
import { lineHeads, rfc5424Line, serviceLines, taggedLine } from './service-lines.ts';
import type { Random } from './random.ts';

const ADDRESSES = ['192.0.2.1', '198.51.100.66', '2001:db8::1', '::ffff:203.0.113.9', 'fe80::1%eth0'];
const CHOSEN = ['root', 'a b', 'x from 198.51.100.66 port 22 ssh2', 'host.example.net', '>, rip=198.51.100.66, lip=1.2.3.4', '#011#012', 'ä€😀'];

/** Whole lines in every form, and some that are several or odd from the start. */
export const seeds: readonly Buffer[] = [
  ...serviceLines.flatMap((service, i) => [
    ...lineHeads.map((head, j) => head + taggedLine(service, CHOSEN[(i + j) % CHOSEN.length] ?? '', ADDRESSES[(i + j) % ADDRESSES.length] ?? '')),
    rfc5424Line(service, CHOSEN[i % CHOSEN.length] ?? '', ADDRESSES[i % ADDRESSES.length] ?? ''),
  ]),
  '<30>Mar  3 03:00:00 host banband[1]: ban 192.0.2.1',
  '<13>Mar  3 03:00:00 host sshd[811]: Invalid user x from 192.0.2.1 port 1\n<13>Mar  3 03:00:00 host sshd[811]: Invalid user x from 192.0.2.1 port 1\n',
  '<13>Mar  3 03:00:00 host app: a message\nsshd[811]: Invalid user x from 192.0.2.1 port 1\n',
  'sshd[811]: Invalid user x from 192.0.2.1 port 1\0',
  String.raw`<38>1 2026-03-03T03:00:00Z host sshd 811 ID47 [a@1 b="\"]\\"][c] ` + '\ufeffInvalid user x from 192.0.2.1 port 1',
].map((text) => Buffer.from(text));

const PIECES = [
  ...ADDRESSES, ...CHOSEN, '999.1.1.1', '010.0.0.1', '::', '1:2:3:4:5:6:7:8', '<13>', '<191>', '1 ', '- ', 'Mar  3 03:00:00 ', '2026-03-03T03:00:00Z ', 'host ', 'sshd[811]: ', 'postfix/smtpd[5]: ', ': ', '[', ']', '"', '\\', ' ', '\n', '\r\n', '\0', '\t', '#011', '#', '\ufeff', '\x1b[31m', '.example.net', ' from ', ' port ', ' ssh2',
].map((text) => Buffer.from(text));

const LONGEST = 65_536;
/** Two of them: a change that moves bytes goes from one to the other. */
const rooms: readonly [Buffer, Buffer] = [Buffer.alloc(LONGEST), Buffer.alloc(LONGEST)];

/** Mostly such that the address stays one. */
const DIGITS = '1234567891234567890abcdef:.';

/** A datagram made by chance; it lies in a buffer of its own. */
export function mutated(random: Random): Buffer {
  let [room, other] = rooms;
  let length = (seeds[random(seeds.length)] ?? room).copy(room);
  // A quarter stay good, so that there is enough to be found; the others are changed once or a few times.
  for (let changes = random(8) < 2 ? 0 : 1 + random(3); changes > 0; changes--) {
    const at = Math.min(random(length + 1), LONGEST - 64);
    const some = Math.min(random(24), length - at);
    switch (random(10)) {
      case 0:
        room[at] = random(256);
        break;
      case 1:
        room[at] = (room[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
      case 3: {
        // Something is put in, in the place of some bytes or of none.
        const piece = PIECES[random(PIECES.length)] ?? room;
        const gone = random(2) === 0 ? 0 : some;
        let to = room.copy(other, 0, 0, at);
        to += piece.copy(other, to);
        to += room.copy(other, to, at + gone, length);
        length = to;
        [room, other] = [other, room];
        break;
      }
      case 4:
        room.copyWithin(at, at + some, length);
        length -= some;
        break;
      case 5:
        // A piece of another.
        length = Math.min(LONGEST, at + (seeds[random(seeds.length)] ?? room).copy(room, at, random(40)));
        break;
      case 6:
        length = random(4) === 0 ? at : length;
        break;
      case 7: {
        // Two datagrams in one, as a line each.
        room[length++] = 0x0a;
        length += (seeds[random(seeds.length)] ?? room).copy(room, length);
        break;
      }
      case 8: {
        // Some digits become others, as in the addresses of a storm.
        for (let i = at; i < Math.min(length, at + 40); i++) {
          const byte = room[i] ?? 0;
          if (byte >= 0x30 && byte <= 0x39 && random(2) === 0) room[i] = DIGITS.charCodeAt(random(DIGITS.length));
        }
        break;
      }
      default:
        if (random(300) === 0) {
          // Up to 64 KiB of the same few bytes, and what followed them.
          const unit = Math.max(1, some);
          const most = random(LONGEST - length - unit);
          room.copy(other, 0, 0, at + unit);
          let to = at + unit;
          while (to + unit <= at + unit + most) to += room.copy(other, to, at, at + unit);
          to += room.copy(other, to, at + unit, Math.max(at + unit, length));
          length = Math.min(LONGEST, to);
          [room, other] = [other, room];
        }
    }
  }
  return Buffer.from(room.subarray(0, length));
}
