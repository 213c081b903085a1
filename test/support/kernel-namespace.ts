/** A network namespace without a name, which lives as long as the test: lists by /proc/PID/net, programs by nsenter. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

export interface KernelNamespace {
  /** What `/proc/net/xt_recent` is in there. */
  readonly xtRecent: string;
  /** A PATH with one program: the real conntrack, in there. Each call adds a line of its arguments to `calls`. */
  readonly path: string;
  readonly calls: string;
  /** Runs a shell line in there and returns what it prints. @throws when it fails */
  sh(line: string, input?: string): string;
}

export async function kernelNamespace(): Promise<KernelNamespace> {
  // cat ends when this process does, and the namespace with it.
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const directory = tempDir();
  const calls = join(directory, 'calls');
  const path = join(directory, 'bin');
  const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`];
  const find = (program: string): string => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  mkdirSync(path);
  writeFileSync(calls, '');
  writeFileSync(join(path, 'conntrack'), `#!/bin/sh\necho "$@" >> ${calls}\nexec ${find('nsenter')} ${enter[1]} ${find('conntrack')} "$@"\n`, { mode: 0o755 });
  return {
    xtRecent: `/proc/${holder.pid}/net/xt_recent`,
    path,
    calls,
    sh: (line, input = '') => execFileSync('nsenter', [...enter.slice(1), 'sh', '-ec', line], { encoding: 'utf8', input, maxBuffer: 2 ** 28, stdio: ['pipe', 'pipe', 'pipe'] }),
  };
}
