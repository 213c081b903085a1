/**
 * Hosts for end-to-end tests: each a network, mount and PID namespace of its own, on this machine's files.
 *
 * A host lives as long as its first process, which reads a pipe of ours. When the test ends, fails, is killed by kill -9 or
 * by ctrl-C, the pipe closes, the first process ends, the kernel kills everything else in its PID namespace, and the
 * network namespace goes with it: nothing has a name on the machine that could be left over (that is why these are not
 * made by `ip netns add`), and no process is ever looked for by its name.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run, succeeded, type Finished, type RunOptions } from './child.ts';

const FOLDER = 'banban-e2e-';

/** Removes the folders of test runs that were killed and could not do it themselves: their names say which process they were of. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

export class Host {
  private constructor(
    readonly name: string,
    /** A folder of this host's own, at the same path inside and outside. */
    readonly dir: string,
    /** The first process of its PID namespace, by its number outside. */
    readonly pid: number,
    private readonly first: Child,
  ) {}

  /**
   * @param options.prepare puts files into the host's folder first
   * @param options.setup shell commands that the first process runs then, with the folder in `$DIR`
   */
  static async start(name: string, options: { readonly prepare?: (dir: string) => Promise<void>; readonly setup?: string } = {}): Promise<Host> {
    await sweep();
    const dir = await mkdtemp(join(tmpdir(), `${FOLDER}${process.pid}-${name}-`));
    await options.prepare?.(dir);
    const script = [
      'set -e',
      // Until /proc is mounted anew this reads the number that the process has outside.
      'read -r outside rest </proc/self/stat',
      'mount --make-rprivate /',
      'mount -t proc proc /proc',
      'ip link set lo up',
      options.setup ?? '',
      'echo "ready $outside"',
      // Ends at the end of its input.
      'exec cat >/dev/null',
    ].join('\n');
    // --pdeathsig: should this process die before the pipe is read.
    const first = Child.start(
      ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=KILL', 'sh', '-c', script],
      { env: { ...process.env, DIR: dir, LC_ALL: 'C' } },
    );
    await first.says(/^ready \d+$/m);
    return new Host(name, dir, Number(/^ready (\d+)$/m.exec(first.stdout)?.[1]), first);
  }

  /** The words that put a command into this host. */
  inside(argv: readonly string[]): string[] {
    return ['nsenter', `--target=${this.pid}`, '--net', '--mount', '--pid', '--', ...argv];
  }

  /** Runs a command to its end; its exit code is the caller's to look at. */
  run(argv: readonly string[], options?: RunOptions): Promise<Finished> {
    return run(this.inside(argv), options);
  }

  /** Runs a command that has to succeed, and returns what it printed. */
  async must(argv: readonly string[], options?: RunOptions): Promise<string> {
    return succeeded(argv, await this.run(argv, options));
  }

  spawn(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Child {
    return Child.start(this.inside(argv), { env });
  }

  /** A file of this host, as it is reached from outside. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  /** Ends everything that runs in this host, and the host. */
  async stop(): Promise<void> {
    this.first.process.stdin?.end();
    await this.first.stop('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }
}

export interface End {
  readonly host: Host;
  /** With their prefix length: `198.51.100.1/24`, `2001:db8:5::1/64`. */
  readonly addresses: readonly string[];
}

/** Puts a cable (a veth pair) between two hosts, `eth0` at both ends. The addresses can be used when it resolves. */
export async function connect(a: End, b: End): Promise<void> {
  const netns = (host: Host, argv: string[]) => run(['nsenter', `--target=${host.pid}`, '--net', '--', ...argv]).then((result) => succeeded(argv, result));
  // Made inside: the machine's own network never sees it. The PID is one of outside, so only the network is entered.
  await netns(a.host, ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(b.host.pid)]);
  for (const { host, addresses } of [a, b]) {
    await netns(host, ['ip', 'link', 'set', 'eth0', 'up']);
    // nodad: an IPv6 address could not be used for the second or two of duplicate address detection.
    for (const address of addresses) await netns(host, ['ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : [])]);
  }
}
