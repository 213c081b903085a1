/** Time and chance come from outside: nothing waits, looks at the machine's clock or throws dice but by `Clock`. */
import { describe, expect, test } from 'vitest';
import { codeBelow, codeFile, type CodeFile } from '../support/house-files.ts';
import { globalUses, type GlobalUse } from '../support/house-globals.ts';
import { importsOf } from '../support/house-imports.ts';

const HIDDEN = ['Date.now', 'new Date()', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'process.hrtime', 'process.uptime', 'Math.random'];

/** Who may, and why. */
const exceptions: readonly { readonly path: string; readonly names: readonly string[]; readonly because: string }[] = [
  { path: 'packages/server/src/clock.ts', names: ['Date.now', 'setTimeout', 'setImmediate', 'performance'], because: 'it is the Clock' },
  { path: 'packages/client/src/client.ts', names: ['setTimeout'], because: 'banctl lives as long as one command; the limit on its one request is real time, tested with real waiting' },
  { path: 'packages/client/src/main.ts', names: ['Date.now'], because: 'the one place where banctl learns the time, handed on as context.now' },
];

const unexplained = (uses: readonly GlobalUse[]): string[] =>
  uses.filter((use) => !exceptions.some(({ path, names }) => path === use.path && names.includes(use.name))).map((use) => `${use.at} ${use.name}`);

const timers = (file: CodeFile): string[] => importsOf(file).filter((one) => /^node:(?:timers|perf_hooks)/.test(one.to)).map((one) => one.at);

describe('in the programs', () => {
  const files = codeBelow('packages/shared/src', 'packages/server/src', 'packages/client/src');

  test('time and chance come by Clock alone', () => {
    const because = 'hidden time makes a test sleep or guess: take a Clock, or say in this file why it has to be';
    expect(files.flatMap((file) => unexplained(globalUses(file, HIDDEN))), because).toEqual([]);
    expect(files.flatMap(timers), because).toEqual([]);
  });

  test('every exception is still needed', () => {
    const uses = files.flatMap((file) => globalUses(file, HIDDEN));
    const idle = exceptions.flatMap(({ path, names }) => names.filter((name) => !uses.some((use) => use.path === path && use.name === name)).map((name) => `${path} ${name}`));
    expect(idle).toEqual([]);
  });

  test.each(['Date.now()', 'const { now } = Date', 'new Date()', 'setTimeout(f, 1)', 'globalThis; setInterval(f, 1)', 'setImmediate(f)', 'performance.now()', 'process.hrtime.bigint()', `Math['random']()`])('%s is caught', (code) => {
    expect(unexplained(globalUses(codeFile('packages/server/src/engine/x.ts', code), HIDDEN))).toHaveLength(1);
  });

  test.each([`import { setTimeout as sleep } from 'node:timers/promises'`, `import { performance } from 'perf_hooks'`])('%s is caught', (code) => {
    expect(timers(codeFile('packages/server/src/engine/x.ts', code))).toHaveLength(1);
  });

  test('a date made of an instant is no look at the clock', () => {
    expect(globalUses(codeFile('x.ts', 'new Date(at).toISOString(); clock.setTimeout; type T = { setTimeout: number }'), HIDDEN)).toEqual([]);
  });
});

test('unit and property tests do not sleep, nor depend on the time of day or on chance', () => {
  // They may measure: performance.now is not among these.
  const sleeping = ['Date.now', 'new Date()', 'setTimeout', 'setInterval', 'Math.random'];
  const files = codeBelow('test/unit', 'test/property');
  const found = files.flatMap((file) => [...globalUses(file, sleeping).map((use) => `${use.at} ${use.name}`), ...timers(file)]);
  expect(found, 'a test that sleeps is slow on good days and fails on bad ones: use fake-clock.ts, and fast-check for chance').toEqual([]);
});
