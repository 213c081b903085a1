/** The policy of config/banban.yml, with the rules and patterns that are commented out in it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../packages/server/src/config/load.ts';
import { packFolders, packLibrary } from '../../packages/server/src/config/packs.ts';
import { compilePolicy, type Policy } from '../../packages/server/src/engine/policy.ts';

export function defaultPolicy(): Policy {
  const text = readFileSync(join(import.meta.dirname, '../../config/banban.yml'), 'utf8').replace(/^( *)#(?=\S)/gm, '$1');
  const dir = mkdtempSync(join(tmpdir(), 'banban-test-'));
  try {
    const path = join(dir, 'banban.yml');
    writeFileSync(path, text);
    const { policy, issues } = compilePolicy(loadConfig(path).config, packLibrary(packFolders(path)));
    const [first] = issues;
    if (first !== undefined) throw new Error(first.message);
    return policy;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
