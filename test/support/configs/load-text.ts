/** Loads a configuration from text by way of a real file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, formatIssue } from '../../../packages/server/src/config/config-error.ts';
import type { Config, Issue } from '../../../packages/server/src/config/config.ts';
import { loadConfig } from '../../../packages/server/src/config/load.ts';
import { tempDir } from '../temp-dir.ts';

export function writeConfig(content: string | Uint8Array, dir = tempDir()): string {
  const path = join(dir, 'banban.yml');
  writeFileSync(path, content);
  return path;
}

export const loadText = (text: string): { config: Config; warnings: readonly Issue[] } => loadConfig(writeConfig(text));

/** As an admin sees them, but for the file's directory: `7: rules.x.target: there is no target …`, warnings as `7: warning: …`. */
const shown = (issues: readonly Issue[]): string[] => issues.map((issue) => formatIssue(issue).slice(issue.file.length).replace(/^:\s*/, ''));

/** What `loadConfig` says of a text that it has to refuse. */
export function problemsOf(text: string | Uint8Array): string[] {
  const path = writeConfig(text);
  try {
    loadConfig(path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return shown(error.issues);
  }
  throw new Error('the configuration was accepted');
}

export const warningsOf = (text: string): string[] => shown(loadText(text).warnings);

/** A complete configuration, into which a test puts what it is about. */
export const MINIMAL = `targets: { BLOCKER: { ban: 48h } }
rules:
  probe:
    target: BLOCKER
    badpatterns: ['sshd\\[\\d+\\]: bad <ip>$']
`;
