import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Two cores, and tests that measure nothing: files side by side, but those with namespaces and daemons one at a time.
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/{unit,property,house}/**/*.test.ts'], testTimeout: 60_000 } },
      { extends: true, test: { name: 'real', include: ['test/{integration,cli,e2e}/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
