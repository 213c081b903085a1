import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { scaled } from './test/support/search.ts';

export default defineConfig({
  test: {
    // Tests that measure nothing: files side by side, but those with namespaces and daemons one at a time. Left to itself vitest
    // uses one core of two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Quick ones share the modules of their worker: loading them anew for each file took a fifth of the time.
    projects: [
      { extends: true, test: { name: 'quick', isolate: false, include: ['test/{unit,property,house}/**/*.test.ts'], setupFiles: ['test/support/seeded.ts'], testTimeout: scaled(60_000) } },
      { extends: true, test: { name: 'real', include: ['test/{integration,cli,e2e}/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
