/** The host that attacks: several addresses of both families, a real ssh client, and plain connections. */
import { Host, connect } from './netns.ts';
import type { Child, Finished } from './child.ts';
import { alice, PASSWORD, type Family, type Victim } from './victim.ts';
import { waitFor } from './wait-for.ts';

/** Documentation addresses (RFC 5737, RFC 3849): the victim's, and the attacker's by family. */
export const VICTIM_ADDRESS: Record<Family, string> = { 4: '198.51.100.1', 6: '2001:db8:5::1' };
export const ATTACKERS: Record<Family, readonly [string, string, string]> = {
  4: ['198.51.100.66', '198.51.100.67', '198.51.100.68'],
  6: ['2001:db8:5::66', '2001:db8:5::67', '2001:db8:5::68'],
};

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);

/** Connects to HOST:PORT from LOCAL, says what came of it, and ends. */
const KNOCK = `
  const [host, port, localAddress] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port: Number(port), localAddress });
  socket.on('connect', () => { console.log('connected'); process.exit(0); });
  socket.on('error', (error) => { console.log('error ' + error.code); process.exit(1); });
`;

export class Attacker {
  private constructor(readonly host: Host) {}

  /** Makes the attacker's host and its cable to the victim. */
  static async start(victim: Victim): Promise<Attacker> {
    const host = await Host.start('attacker');
    const bits = (address: string) => `${address}/${familyOf(address) === 4 ? 24 : 64}`;
    await connect(
      { host: victim.host, addresses: [VICTIM_ADDRESS[4], VICTIM_ADDRESS[6]].map(bits) },
      { host, addresses: [...ATTACKERS[4], ...ATTACKERS[6]].map(bits) },
    );
    return new Attacker(host);
  }

  private sshArguments(from: string, password: string, user: string, command: readonly string[]): string[] {
    return [
      'sshpass', '-p', password, 'ssh', '-F', 'none', '-b', from,
      '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR',
      '-o', 'PreferredAuthentications=password', '-o', 'PubkeyAuthentication=no', '-o', 'NumberOfPasswordPrompts=1',
      '-l', user, VICTIM_ADDRESS[familyOf(from)], ...command,
    ];
  }

  /** One try of one password; resolves when ssh has ended (255 and `Permission denied` for a wrong one). */
  tryPassword(from: string, password: string, user = alice.name): Promise<Finished> {
    return this.host.run(this.sshArguments(from, password, user, ['true']));
  }

  /** A session of somebody who knows the password, once it is there: what is written to it comes back. */
  async openSession(from: string): Promise<Session> {
    const session = new Session(this.host.spawn(this.sshArguments(from, PASSWORD, alice.name, ['cat'])));
    await session.echoes('hello');
    return session;
  }

  /** A session in which the victim talks without being asked, ten times a second. */
  async openTalkingSession(from: string): Promise<Session> {
    const session = new Session(this.host.spawn(this.sshArguments(from, PASSWORD, alice.name, ['while echo tick; do sleep 0.1; done'])));
    await session.child.says(/tick/);
    return session;
  }

  /** Begins to connect to the victim's sshd; the child says `connected` or `error …`, or nothing as long as it hangs. */
  knock(from: string, port = 22): Child {
    return this.host.spawn([process.execPath, '-e', KNOCK, VICTIM_ADDRESS[familyOf(from)], String(port), from]);
  }

  /** True when a connection from this address is answered. */
  async canConnect(from: string): Promise<boolean> {
    const child = this.knock(from);
    const deadline = setTimeout(() => child.signal('SIGKILL'), 15_000);
    const result = await child.finished();
    clearTimeout(deadline);
    return result.stdout.includes('connected');
  }

  /** Asserts that a new connection is not answered: its SYN is sent again and again, and the victim's rule drops it. */
  async mustHang(victim: Victim, from: string, list: string): Promise<void> {
    const family = familyOf(from);
    const before = await victim.dropped(family, list);
    const child = this.knock(from);
    try {
      // In ss's words: a timer that is on, its time, and how often it has sent again.
      const sentAgain = async () => /timer:\(on,[^,]+,[1-9]\d*\)/.test(await this.host.must(['ss', '-Hnto', 'state', 'syn-sent', 'src', `[${from}]`]));
      await waitFor(`a new connection from ${from} to hang`, async () => !child.running || (await sentAgain()));
      if (!child.running) throw new Error(`a new connection from ${from} should hang, but: ${child.stdout}${child.stderr}`);
      if (!((await victim.dropped(family, list)) >= before + 2)) throw new Error(`a new connection from ${from} hangs, but not because of ${list}`);
    } finally {
      await child.stop('SIGKILL');
    }
  }

  stop(): Promise<void> {
    return this.host.stop();
  }
}

export class Session {
  constructor(readonly child: Child) {}

  /** Writes a word and waits for it to come back. */
  async echoes(word: string, timeoutMs = 10_000): Promise<void> {
    this.write(word);
    await this.child.says(new RegExp(`^${word}$`, 'm'), timeoutMs);
  }

  write(word: string): void {
    this.child.process.stdin?.write(`${word}\n`);
  }

  heard(word: string): boolean {
    return this.child.stdout.split('\n').includes(word);
  }

  /** How many lines have come. */
  lines(): number {
    return this.child.stdout.split('\n').length - 1;
  }

  async close(): Promise<void> {
    await this.child.stop('SIGKILL');
  }
}
