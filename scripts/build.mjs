/** Type-checks and bundles both programs: packages/{server,client}/dist/main.js, one file each, because start-up counts. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// `node scripts/build.mjs --quick` leaves the type check out: for a build in the middle of an edit.
if (!process.argv.includes('--quick')) {
  const check = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', root], { stdio: 'inherit' });
  if (check.status !== 0) process.exit(check.status ?? 1);
}

for (const name of ['server', 'client']) {
  const folder = join(root, 'packages', name);
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  await build({
    entryPoints: [join(folder, 'src/main.ts')],
    outfile: join(folder, 'dist/main.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    logLevel: 'warning',
    alias: name === 'client' ? { 'string-width': join(root, 'scripts/ascii-width.mjs') } : {},
    // Native modules stay where they were built.
    external: ['re2', 'better-sqlite3', 'unix-dgram'],
    // The CommonJS packages inside ask for node's own modules by require.
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
  });
}
