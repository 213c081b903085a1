/** A TypeScript file as a program that plain `node` can run: for tests that need a process of their own. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** What to spawn: `node`, the bundle, then arguments; with this environment. */
export interface Bundled {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Bundles `entry` (from the project's root) into `directory`. Packages with native code are left out and found by NODE_PATH. */
export function bundled(entry: string, directory: string): Bundled {
  const file = join(directory, 'bundle.cjs');
  const require = createRequire(join(root, 'packages/server/package.json'));
  buildSync({
    entryPoints: [join(root, entry)],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    alias: { 'better-sqlite3': require.resolve('better-sqlite3') },
    external: [require.resolve('better-sqlite3')],
    logLevel: 'error',
  });
  return { file, env: { ...process.env, NODE_PATH: join(root, 'packages/server/node_modules') } };
}
