/** A network namespace with a firewall of its own, and the ruleset as a process in it. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { TargetConfig } from '../../packages/server/src/config/config.ts';
import type { Finding, RulesFacts, RulesOutcome } from '../../packages/server/src/enforce/firewall.ts';
import { bundled } from './bundled.ts';
import { kernelNamespace } from './kernel-namespace.ts';
import { tempDir } from './temp-dir.ts';

const NATIVE = join(import.meta.dirname, '../../packages/server/native/build/Release/netlink.node');
const SBIN = '/usr/sbin';

export interface RoomOptions {
  /** What `iptables` and `ip6tables` are; default `nft`. */
  readonly variant?: 'nft' | 'legacy';
  /** Whether the other variant is installed as well; default true. */
  readonly hasOther?: boolean;
  /** Whether the native part is there; default true. */
  readonly hasNative?: boolean;
}

export class RulesetRoom {
  private constructor(
    /** Runs shell lines in the namespace, with the same programs in PATH as the ruleset. @throws when the last of them fails */
    readonly sh: (line: string, input?: string) => string,
    private readonly bin: string,
    private readonly askLine: (line: string) => Promise<unknown>,
  ) {}

  static async open({ variant = 'nft', hasOther = true, hasNative = true }: RoomOptions = {}): Promise<RulesetRoom> {
    const namespace = await kernelNamespace();
    const directory = tempDir();
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(directory, 'calls'), '');
    for (const name of ['nft', 'ipset']) this.place(bin, name, name);
    for (const family of ['iptables', 'ip6tables'])
      for (const tool of ['', '-save', '-restore']) {
        this.place(bin, `${family}${tool}`, `${family}-${variant}${tool}`);
        for (const one of hasOther ? ['nft', 'legacy'] : [variant]) this.place(bin, `${family}-${one}${tool}`, `${family}-${one}${tool}`);
      }
    const { file, env } = bundled('test/support/ruleset-program.ts', directory);
    const holder = /\/proc\/(\d+)/.exec(namespace.xtRecent)?.[1];
    const child = spawn('nsenter', [`--net=/proc/${holder}/ns/net`, process.execPath, file, hasNative ? NATIVE : '-', bin], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const waiting: ((answer: unknown) => void)[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
    const ask = (line: string): Promise<unknown> =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.stdin.write(`${line}\n`);
      });
    return new RulesetRoom((line, input) => namespace.sh(`PATH=${bin}:/usr/bin:/bin:/usr/sbin:/sbin; ${line}`, input), bin, ask);
  }

  /** A program that notes each call and is then the real one. */
  private static place(bin: string, name: string, real: string): void {
    writeFileSync(join(bin, name), `#!/bin/sh\necho ${name} "$@" >> ${join(bin, '../calls')}\nexec ${SBIN}/${real} "$@"\n`, { mode: 0o755 });
  }

  private ask(method: string, targets: readonly TargetConfig[], facts: Partial<RulesFacts> = {}): Promise<unknown> {
    return this.askLine(JSON.stringify([method, targets, { managed: facts.managed ?? true, bans: [...(facts.bans ?? [])], resetting: [...(facts.resetting ?? [])] }]));
  }

  install(targets: readonly TargetConfig[]): Promise<RulesOutcome> {
    return this.ask('install', targets) as Promise<RulesOutcome>;
  }

  remove(targets: readonly TargetConfig[]): Promise<RulesOutcome> {
    return this.ask('remove', targets) as Promise<RulesOutcome>;
  }

  check(targets: readonly TargetConfig[], facts?: Partial<RulesFacts>): Promise<readonly Finding[]> {
    return this.ask('check', targets, facts) as Promise<readonly Finding[]>;
  }

  isIntact(targets: readonly TargetConfig[]): Promise<boolean> {
    return this.ask('isIntact', targets) as Promise<boolean>;
  }

  tellsByEvents(): Promise<boolean> {
    return this.ask('tellsByEvents', []) as Promise<boolean>;
  }

  /** What the ruleset, and the tests by `sh`, have run since the last call of this. */
  calls(): string[] {
    const file = join(this.bin, '../calls');
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    writeFileSync(file, '');
    return lines;
  }

  /** As if it were not installed. */
  uninstall(...names: readonly string[]): void {
    for (const name of names) rmSync(join(this.bin, name));
  }

  /** Makes `name` be another program of the machine from now on. */
  replace(name: string, real: string): void {
    rmSync(join(this.bin, name));
    symlinkSync(join(SBIN, real), join(this.bin, name));
  }

  /** All rules of iptables in both families, and their sets, as programs print them: without comments, counters and sizes. */
  rules(): string {
    const clean = (text: string): string => text.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
    return clean(this.sh('iptables-save; ip6tables-save'));
  }

  /** banban's table of nftables without its handles and whatever the order of its sets and chains, empty when there is none. */
  table(): string {
    const blocks = this.sh('nft -s list table inet banban 2>/dev/null || true').replace(/^table .*\n|^\}\n/gm, '').split(/^\t\}\n\n?/m);
    return blocks.sort().join('\n');
  }
}
