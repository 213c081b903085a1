/**
 * The built banband as a child on this machine, simulating, with everything it has in a directory of the test's own; and
 * what a test says to it and asks it. It waits for events and never for time, and ends by its pid what it started.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Ban, BansResponse, StatusResponse, WhyResponse } from 'banban-shared';
import { banctl } from './banctl.ts';
import { Child, type Finished } from './child.ts';
import { tempDir } from './temp-dir.ts';
import { askSocket, sendSocket, type Answer, type Asking } from './unix-http.ts';
import { waitFor } from './wait-for.ts';

const root = join(import.meta.dirname, '../..');
export const BANBAND = join(root, 'packages/server/bin/banband.js');

interface DatagramSocket {
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'message', listener: (bytes: Buffer) => void): void;
  bind(path: string): void;
  connect(path: string): void;
  send(bytes: Buffer, done: (error?: Error & { readonly code?: unknown }) => void): void;
  close(): void;
}
// The package belongs to the server, so it is found from there.
const unixDgram = createRequire(join(root, 'packages/server/package.json'))('unix-dgram') as { createSocket(type: 'unix_dgram'): DatagramSocket };

/** Three wrong passwords within ten minutes are a ban of an hour. */
export const POLICY = `
targets:
  BLOCKER: { ban: [1h, 7d] }
defaults: { occurrences: 3, interval: 10m }
rules:
  ssh:
    target: BLOCKER
    badpatterns:
      - '^sshd\\[\\d+\\]: Failed password for .* from <ip> port \\d+ ssh2$'
`;

export const failed = (address: string, user = 'root'): string => `<38>Mar  3 03:00:00 host sshd[811]: Failed password for ${user} from ${address} port 4242 ssh2`;

export interface LocalOptions {
  /** YAML without places; default `POLICY`. */
  readonly policy?: string;
  /** To start on what another one left behind; default a new directory. */
  readonly dir?: string;
  /** Where the database is; default in `dir`. */
  readonly database?: string;
  /** Words before node, such as an nsenter or a setpriv. */
  readonly through?: readonly string[];
  /** More arguments for banband. */
  readonly flags?: readonly string[];
}

/** Longer than any test: what is left over when even the test runner was killed ends then. */
const LONGEST_LIFE_SECONDS = '110';

/** Starts banband with these arguments; whatever becomes of the test, it ends. */
export function spawnBanband(args: readonly string[], through: readonly string[] = []): Child {
  const child = Child.start(['timeout', '--kill-after=1', LONGEST_LIFE_SECONDS, ...through, process.execPath, BANBAND, ...args], { cwd: '/' });
  onTestFinished(async () => {
    if (child.running) signalInside(child, 'SIGKILL');
    await child.finished();
  });
  return child;
}

/** Runs banband to its end. */
export function banband(args: readonly string[], through: readonly string[] = []): Promise<Finished> {
  const child = spawnBanband(args, through);
  child.process.stdin?.end();
  return child.finished();
}

/** The pid of the program that `timeout` runs; undefined when it runs none any more. */
function insidePid(child: Child): number | undefined {
  const outer = child.process.pid ?? 0;
  try {
    const inner = Number(readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8').trim().split(' ')[0]);
    return inner > 0 ? inner : undefined;
  } catch {
    return undefined;
  }
}

function signalInside(child: Child, signal: NodeJS.Signals): void {
  const pid = insidePid(child);
  if (pid === undefined || !child.running) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export class LocalBanban {
  /** Datagrams that were said to it. */
  private said = 0;
  readonly configPath: string;
  readonly logSocket: string;
  readonly controlSocket: string;

  private constructor(
    readonly child: Child,
    readonly dir: string,
    readonly database: string,
    private readonly options: LocalOptions,
  ) {
    ({ config: this.configPath, logSocket: this.logSocket, controlSocket: this.controlSocket } = places(dir));
  }

  /** Starts it and waits until it says that it has started. @throws with what it said when it does not */
  static async start(options: LocalOptions = {}): Promise<LocalBanban> {
    const banban = LocalBanban.begin(options);
    await banban.child.says(/"event":"started"/);
    return banban;
  }

  /** Starts it; perhaps it refuses. */
  static begin(options: LocalOptions = {}): LocalBanban {
    const dir = options.dir ?? tempDir();
    const database = options.database ?? join(dir, 'banban.db');
    writeConfig(dir, options.policy ?? POLICY, database);
    const child = spawnBanband(['--config', places(dir).config, '--simulate', ...(options.flags ?? [])], options.through);
    return new LocalBanban(child, dir, database, options);
  }

  /** One that was started otherwise, with its sockets in `dir`. */
  static at(dir: string, child: Child): LocalBanban {
    return new LocalBanban(child, dir, join(dir, 'banban.db'), {});
  }

  /** Starts one on what this one left behind. */
  startAgain(): Promise<LocalBanban> {
    return LocalBanban.start({ ...this.options, dir: this.dir });
  }

  /** Its own, not that of `timeout`. */
  get pid(): number {
    const pid = insidePid(this.child);
    if (pid === undefined) throw new Error(`banband does not run: ${this.child.stdout}${this.child.stderr}`);
    return pid;
  }

  /** Writes another configuration with the same places. */
  configure(policy: string): void {
    writeConfig(this.dir, policy, this.database);
  }

  signal(signal: NodeJS.Signals): void {
    signalInside(this.child, signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), 10_000);
    try {
      return await this.child.finished();
    } finally {
      clearTimeout(timer);
    }
  }

  // ── its log ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** What it has logged so far under this name, each as its JSON object. */
  logged(event: string): Record<string, unknown>[] {
    const whole = this.child.stdout.slice(0, this.child.stdout.lastIndexOf('\n') + 1);
    return whole.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['event'] === event);
  }

  /** Waits for it to log something; with `count` for the so-manieth time. */
  async logs(event: string, count = 1): Promise<Record<string, unknown>> {
    return waitFor(`banband to log ${event}`, () => {
      const found = this.logged(event)[count - 1];
      if (found === undefined && !this.child.running) throw new Error('it ended');
      return found;
    }, {}, () => this.child.stdout.slice(-2000) + this.child.stderr);
  }

  // ── the log socket ────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends datagrams, each as soon as the kernel's queue has room, and waits until all of them have been matched. */
  async hears(...datagrams: readonly (string | Buffer)[]): Promise<void> {
    await this.isSent(...datagrams);
    await waitFor('all to be matched', async () => {
      const [source] = (await this.status()).sources;
      return source !== undefined && source.datagrams >= this.said && source.queued === 0;
    });
  }

  /** Sends datagrams and does not wait for what becomes of them. */
  async isSent(...datagrams: readonly (string | Buffer)[]): Promise<void> {
    const socket = unixDgram.createSocket('unix_dgram');
    let broken: Error | undefined;
    socket.on('error', (error) => (broken = error));
    try {
      socket.connect(this.logSocket);
      for (const datagram of datagrams) {
        await waitFor('room in the log socket', () => {
          let refused: (Error & { readonly code?: unknown }) | undefined;
          socket.send(Buffer.from(datagram), (error) => (refused = error));
          // 1 is the package's word for a full queue.
          broken ??= refused?.code === 1 ? undefined : refused;
          return broken !== undefined || refused === undefined;
        }, { everyMs: 1 });
        if (broken !== undefined) throw broken;
        this.said++;
      }
    } finally {
      socket.close();
    }
  }

  /** A real attack: three wrong passwords. */
  attack(address: string): Promise<void> {
    return this.hears(failed(address), failed(address), failed(address));
  }

  // ── the control socket ────────────────────────────────────────────────────────────────────────────────────────

  ask(method: string, path: string, asking?: Asking): Promise<Answer> {
    return askSocket(this.controlSocket, method, path, asking);
  }

  /** Sends bytes to the control socket and answers with what came back until it closed. */
  send(bytes: string | Buffer): Promise<string> {
    return sendSocket(this.controlSocket, bytes);
  }

  async status(): Promise<StatusResponse> {
    return (await this.ask('GET', '/v1/status')).body as StatusResponse;
  }

  banctl(...args: string[]): Promise<Finished> {
    return banctl(args, { socket: this.controlSocket });
  }

  private async told(...args: string[]): Promise<unknown> {
    const result = await this.banctl(...args, '--json');
    if (result.code !== 0) throw new Error(`banctl ${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`);
    return JSON.parse(result.stdout);
  }

  /** The active bans, as `banctl list --json` has them. */
  async list(): Promise<Ban[]> {
    return ((await this.told('list')) as BansResponse).bans;
  }

  async banned(): Promise<string[]> {
    return (await this.list()).map((ban) => ban.address).sort();
  }

  async why(address: string): Promise<WhyResponse> {
    return (await this.told('why', address)) as WhyResponse;
  }
}

/** Another program's log socket, held by this process. */
export function receiveOn(path: string): { stillHears(): Promise<void>; stop(): void } {
  const receiver = unixDgram.createSocket('unix_dgram');
  let heard = 0;
  let open = true;
  receiver.on('message', () => heard++);
  receiver.bind(path);
  const stop = (): void => {
    if (open) receiver.close();
    open = false;
  };
  onTestFinished(stop);
  return {
    async stillHears() {
      const before = heard;
      const sender = unixDgram.createSocket('unix_dgram');
      sender.connect(path);
      sender.send(Buffer.from('x'), () => undefined);
      sender.close();
      await waitFor('the datagram to arrive', () => heard > before);
    },
    stop,
  };
}

/** The machine's own gateway or resolver may be one of a test's addresses. Behind the rest, so that no line of it has another number. */
const NO_GUARDS = '\nguard: { sessions: false, gateway: false, resolvers: false }\n';

/** Where everything of a banband in `dir` is. */
export function places(dir: string): { readonly config: string; readonly logSocket: string; readonly controlSocket: string } {
  return { config: join(dir, 'banban.yml'), logSocket: join(dir, 'log.sock'), controlSocket: join(dir, 'control.sock') };
}

export function writeConfig(dir: string, policy: string, database = join(dir, 'banban.db')): string {
  const { config, logSocket, controlSocket } = places(dir);
  mkdirSync(dir, { recursive: true });
  writeFileSync(config, `socket: ${logSocket}\ndatabase: ${database}\ncontrol: { socket: ${controlSocket} }\n${policy}${policy.includes('guard:') ? '' : NO_GUARDS}`);
  return config;
}
