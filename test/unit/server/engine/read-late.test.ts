/** Lines of a file that are read long after they were written, among what comes now: they change nothing that has come since. */
import { instant } from 'banban-shared';
import { expect, test } from 'vitest';
import { createFeed } from '../../../../packages/server/src/engine/feed.ts';
import type { Progress } from '../../../../packages/server/src/ingest/source.ts';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY } from '../../../support/policies.ts';

const X = '192.0.2.1';
const file = createFeed({ name: 'file', isDatagram: false, ownTime: true });

/** As a file has it: written so long ago. */
function readLate(room: EngineRoom, ago: number, message: string, progress?: Progress): void {
  const now = room.clock.now();
  room.engine.deliver(Buffer.from(`${new Date(now - ago).toISOString()} host sshd[1]: ${message}\n`), now, file, progress);
  room.clock.turn();
}

test('an old login does not end a ban that came after it, nor forget what was counted since', () => {
  const room = engineRoom();
  room.hear(failed(X), failed(X), failed(X), failed('192.0.2.2'), failed('192.0.2.2'));
  readLate(room, DAY, accepted(X));
  readLate(room, DAY, accepted('192.0.2.2'));
  expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  room.hear(failed('192.0.2.2'));
  expect(room.banned()).toEqual([`BLOCKER ${X}`, 'BLOCKER 192.0.2.2']);
});

test('a login that was just written pardons, though the stamp has whole seconds', () => {
  const room = engineRoom();
  room.hear(failed(X), failed(X), failed(X));
  readLate(room, 1000, accepted(X));
  expect(room.banned()).toEqual([]);
});

test('an old offence does not make newer ones as old as it, so that they count together', () => {
  const room = engineRoom();
  room.hear(failed(X), failed(X));
  readLate(room, 2 * DAY, failed(X));
  expect(room.banned()).toEqual([]);
  room.hear(failed(X));
  expect(room.banned()).toEqual([`BLOCKER ${X}`]);
});

test('what was not there yet a moment ago is new, whatever time it says of itself', () => {
  const room = engineRoom();
  const progress: Progress = { key: 'file x', after: () => '', writtenAfter: instant(room.clock.now() - 1000) };
  for (let i = 0; i < 3; i++) readLate(room, (i + 1) * DAY, failed(X), progress);
  expect(room.banned()).toEqual([`BLOCKER ${X}`]);
});
