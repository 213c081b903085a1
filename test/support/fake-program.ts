/** A program of the test's own on a PATH with nothing else of ours. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './temp-dir.ts';

export interface FakeProgram {
  /** The directory of the program, with those of a shell's. */
  readonly path: string;
  /** What it was given on its standard input, call after call; empty where the text does not read it into `$IN`. */
  inputs(): readonly string[];
}

/**
 * A program called `name` of the given shell text, in which `$IN` is a new file for what it is given, `$DIR` a directory and `$1`
 * its first argument.
 */
export function fakeProgram(name: string, text: string): FakeProgram {
  const directory = tempDir();
  const number = join(directory, 'number');
  writeFileSync(join(directory, name), `#!/bin/sh\nDIR=${directory}; N=$(cat ${number} 2>/dev/null || echo 0); echo $((N + 1)) > ${number}; IN=$DIR/in$N\n${text}\n`, { mode: 0o755 });
  return {
    path: `${directory}:/usr/bin:/bin`,
    inputs() {
      const found: string[] = [];
      for (let n = 0; existsSync(join(directory, `in${n}`)); n++) found.push(readFileSync(join(directory, `in${n}`), 'utf8'));
      return found;
    },
  };
}
