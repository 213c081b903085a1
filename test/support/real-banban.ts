/** The built programs in the victim: banband on a configuration of its own, and banctl. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BansResponse, Ban, StatusResponse, WhyResponse } from 'banban-shared';
import type { Child, Finished } from './child.ts';
import { checkout, type Account, type Victim } from './victim.ts';
import { askSocket } from './unix-http.ts';
import { waitFor } from './wait-for.ts';

export const BANBAND = join(checkout, 'packages/server/bin/banband.js');
export const BANCTL = join(checkout, 'packages/client/bin/banctl.js');

export const LOG_SOCKET = '/run/banban/log.sock';
export const CONTROL_SOCKET = '/run/banban/control.sock';

/** The default configuration's main rules, with bans that outlast any test. */
export const SSH_CONFIG = `
control: { group: banban }
allowlist: [127.0.0.0/8, '::1']
targets:
  BLOCKER: { ban: [1h, 7d] }
  THROTTLE: { ban: 3m }
defaults: { occurrences: 3, interval: 10m }
goodpatterns:
  - 'sshd(?:-session)?\\[\\d+\\]: Accepted \\S+ for \\S+ from <ip> port \\d+ ssh2'
rules:
  fullblock:
    target: BLOCKER
    resetconns: true
    badpatterns:
      - 'sshd(?:-session)?\\[\\d+\\]: Failed password for .* from <ip> port \\d+ ssh2$'
  briefthrottle:
    target: THROTTLE
    occurrences: 1
    badpatterns:
      - 'sm-mta\\[\\d+\\]: ruleset=check_relay, arg1=\\[<ip>\\],.+reject=421'
`;

/** `SSH_CONFIG` for attackers who have an account, and whose open session is to end with their ban. */
export const UNGUARDED = `guard: { sessions: false }\n${SSH_CONFIG}`;

export interface BanbandOptions {
  /** Configuration as YAML, without socket and database; default `SSH_CONFIG`. */
  readonly config?: string;
  /** The configuration's `socket:`; default the path alone. */
  readonly socket?: string;
  /** Words before the program, such as a setpriv that takes capabilities away. */
  readonly through?: readonly string[];
  /** Added to the environment of banband. */
  readonly env?: NodeJS.ProcessEnv;
}

export class Banban {
  private constructor(
    readonly victim: Victim,
    readonly daemon: Child,
    readonly database: string,
    private readonly options: BanbandOptions,
  ) {}

  /** Starts banband and waits until it answers. */
  static async start(victim: Victim, options: BanbandOptions = {}): Promise<Banban> {
    const { dir } = victim.host;
    const config = join(dir, 'banban.yml');
    const database = join(dir, 'banban.db');
    await writeFile(config, `socket: ${options.socket ?? LOG_SOCKET}\ndatabase: ${database}\n${options.config ?? SSH_CONFIG}`);
    const daemon = victim.host.spawn([...(options.through ?? []), process.execPath, BANBAND, '--config', config, '-f'], { ...process.env, ...options.env });
    const banban = new Banban(victim, daemon, database, options);
    await waitFor('banband to answer', async () => {
      if (!daemon.running) throw new Error(`banband ended: ${daemon.stderr}${daemon.stdout}`);
      return existsSync(victim.host.path(LOG_SOCKET)) && (await banban.banctl('status', '--json')).code === 0;
    }, { everyMs: 50 }, () => daemon.stderr + daemon.stdout);
    return banban;
  }

  /** Starts it again on what the last one left behind. */
  startAgain(): Promise<Banban> {
    return Banban.start(this.victim, this.options);
  }

  banctl(...args: string[]): Promise<Finished> {
    return this.banctlAs(undefined, ...args);
  }

  /** banctl as another user, with the groups that the victim's files give them. */
  banctlAs(account: Account | undefined, ...args: string[]): Promise<Finished> {
    const become = account === undefined ? [] : ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--'];
    return this.victim.host.run([...become, process.execPath, BANCTL, ...args, '--socket', CONTROL_SOCKET]);
  }

  /** Asks over the socket, as banctl would: a program takes a tenth of a second, and waiting asks often. */
  private async asked(path: string): Promise<unknown> {
    const answer = await askSocket(this.victim.host.path(CONTROL_SOCKET), 'GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}: ${answer.text}`);
    return answer.body;
  }

  async status(): Promise<StatusResponse> {
    return (await this.asked('/v1/status')) as StatusResponse;
  }

  async bans(): Promise<Ban[]> {
    return ((await this.asked('/v1/bans')) as BansResponse).bans;
  }

  async ban(address: string, target = 'BLOCKER'): Promise<Ban | undefined> {
    return (await this.bans()).find((ban) => ban.address === address && ban.target === target);
  }

  async why(address: string): Promise<WhyResponse> {
    return (await this.asked(`/v1/why?address=${encodeURIComponent(address)}`)) as WhyResponse;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    return this.daemon.stop(signal);
  }
}
