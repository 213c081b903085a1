import { mkdirSync, readdirSync } from 'node:fs';
import { instant } from 'banban-shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startReplay, type ReplayedBan } from '../../../../packages/server/src/offline/replay.ts';
import { policy, prefix, rule } from '../../../support/policies.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const NEWEST = instant(Date.UTC(2026, 0, 31));
const X = '192.0.2.1';
const at = (minute: number, second = 0): string => new Date(Date.UTC(2026, 0, 2, 3, minute, second)).toISOString();
const failed = (stamp: string, address = X): string => `${stamp} host sshd[1]: Failed password for root from ${address} port 4242 ssh2`;
const accepted = (stamp: string): string => `${stamp} host sshd[1]: Accepted publickey for anna from ${X} port 4242 ssh2`;

interface Result {
  readonly bans: readonly ReplayedBan[];
  readonly lines: number;
  readonly good: number;
  readonly bad: number;
}
function replay(lines: readonly string[], given: Parameters<typeof policy>[0] = {}): Result {
  const run = startReplay(policy(given), NEWEST);
  // One buffer for all, as a file is read.
  const block = Buffer.alloc(4096);
  for (const line of lines) run.line(block.subarray(0, block.write(line)));
  return run.end();
}
const told = ({ bans }: Result): string[] => bans.map((b) => `${new Date(b.at).toISOString()} ${b.address} level ${b.level} until ${b.until}${b.ended === undefined ? '' : ` ${b.ended.by} ${new Date(b.ended.at).toISOString()}`}`);

let before: string | undefined;
beforeEach(() => (before = process.env['TMPDIR']));
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
});

describe('a log is judged on its own clock', () => {
  test('three within the hour are a ban, from the third on', () => {
    expect(told(replay([failed(at(0)), failed(at(10)), failed(at(20)), failed(at(21))]))).toEqual([`${at(20)} ${X} level 1 until ${at(80)}`]);
  });
  test('three over more than an hour are none', () => {
    expect(replay([failed(at(0)), failed(at(40)), failed(at(80))])).toMatchObject({ bans: [], lines: 3, bad: 3, good: 0 });
  });
  test('a ban that runs out within the log did, at its own time, and the next one is of the next level', () => {
    const second = (minute: number): string => failed(at(minute));
    expect(told(replay([second(0), second(1), second(2), second(200), second(201), second(202)]))).toEqual([`${at(2)} ${X} level 1 until ${at(62)} expired ${at(62)}`, `${at(202)} ${X} level 2 until ${at(202 + 24 * 60)}`]);
  });
  test('a good line ends a ban', () => {
    expect(told(replay([failed(at(0)), failed(at(1)), failed(at(2)), accepted(at(3))]))).toEqual([`${at(2)} ${X} level 1 until ${at(62)} pardoned ${at(3)}`]);
  });
  test('an allowed address is spared', () => {
    expect(replay([failed(at(0)), failed(at(1)), failed(at(2))], { allowlist: [prefix('192.0.2.0/24')] }).bans).toEqual([]);
  });
  test('folded lines count as often as they came', () => {
    expect(replay([`${at(0)} host sshd[1]: message repeated 3 times: [ Failed password for root from ${X} port 4242 ssh2]`]).bans).toHaveLength(1);
    expect(replay([failed(at(0)), `${at(1)} host last message repeated 2 times`]).bans).toHaveLength(1);
  });
  test('a line that is late, or has no time, came when the one before it did', () => {
    const noStamp = `sshd[1]: Failed password for root from ${X} port 4242 ssh2`;
    expect(told(replay([failed(at(30)), failed(at(0)), noStamp]))).toEqual([`${at(30)} ${X} level 1 until ${at(90)}`]);
  });
  test('a log without any time came when it was last written', () => {
    const noStamp = `sshd[1]: Failed password for root from ${X} port 4242 ssh2`;
    expect(replay([noStamp, noStamp, noStamp]).bans.map((b) => b.at)).toEqual([NEWEST]);
  });
  test('years between two lines are no time for the one who waits', () => {
    const years = replay([failed('2001-01-01T00:00:00Z'), failed('2011-01-01T00:00:00Z'), failed('2021-01-01T00:00:00Z'), failed(at(0)), failed(at(1)), failed(at(2))], { rules: [rule('ssh', { occurrences: 1 })] });
    expect(years.bans.map((b) => b.level)).toEqual([1, 1, 1, 1]);
  });
  test('nothing is nothing', () => expect(replay([])).toEqual({ bans: [], lines: 0, good: 0, bad: 0 }));
});

test('the database of a run is gone when it ends', () => {
  const dir = tempDir();
  mkdirSync(`${dir}/t`);
  process.env['TMPDIR'] = `${dir}/t`;
  const run = startReplay(policy(), NEWEST);
  expect(readdirSync(`${dir}/t`)).toHaveLength(1);
  run.line(Buffer.from(failed(at(0))));
  run.end();
  expect(readdirSync(`${dir}/t`)).toEqual([]);
});
