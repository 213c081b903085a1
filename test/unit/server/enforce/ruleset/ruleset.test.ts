import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { createRuleset, printRules } from '../../../../../packages/server/src/enforce/ruleset/ruleset.ts';
import { fakeClock } from '../../../../support/fake-clock.ts';
import { target } from '../../../../support/policies.ts';
import { tempDir } from '../../../../support/temp-dir.ts';
import { waitFor } from '../../../../support/wait-for.ts';

const NFT = target('B', { backends: ['nftables'] });
const RECENT = target('R');

describe('the rules for people', () => {
  test('are one text for nft where there is nothing else', () => {
    const text = printRules([NFT]);
    expect(text).toContain('nft -f banban.nft');
    expect(text).toContain('add rule inet banban target_B ip saddr @B_v4 drop');
    expect(text).not.toMatch(/iptables|ipset/);
  });

  test('have a part for each program, and say how each is loaded', () => {
    const text = printRules([target('B', { backends: ['nftables', 'ipset'] }), target('D', { backends: ['hosts_deny'] })]);
    for (const words of ['nft -f banban.nft', 'ipset restore -exist -file banban.ipset', 'iptables-restore --noflush banban.v4', 'ip6tables-restore --noflush banban.v6', 'D: no firewall rule is needed.', 'ip6tables -C FORWARD -j banban || ip6tables -I FORWARD 1 -j banban'])
      expect(text).toContain(words);
  });

  test('are words alone for targets that need none', () => {
    expect(printRules([target('D', { backends: ['command'] })]).split('\n').every((line) => line === '' || line.startsWith('#'))).toBe(true);
  });
});

describe('programs', () => {
  /** A PATH of programs that do as the scripts say. */
  function made(scripts: Readonly<Record<string, string>>, clock = systemClock) {
    const path = join(tempDir(), 'bin');
    mkdirSync(path);
    for (const [name, script] of Object.entries(scripts)) writeFileSync(join(path, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`, { mode: 0o755 });
    const procNet = join(path, 'net');
    mkdirSync(procNet);
    return { path, ruleset: createRuleset({ clock, path, procNet, capacityFile: join(path, 'none'), native: undefined }) };
  }

  test('that are missing are said, one sentence each', async () => {
    const { ruleset, path } = made({});
    expect(await ruleset.install([NFT])).toEqual({ changes: [], problems: [`the rules of nftables can't be looked at or changed: the program nft is not installed (looked in ${path})`] });
    const { problems } = await ruleset.install([RECENT]);
    expect(problems).toEqual([`IPv4 is not protected by the rules of iptables: the program iptables-save is not installed (looked in ${path})`]);
    expect(await ruleset.isIntact([NFT])).toBe(false);
    expect(await ruleset.isIntact([RECENT])).toBe(false);
    expect((await ruleset.check([NFT, RECENT], { managed: true })).map(({ code }) => code)).toEqual(['program-missing', 'program-missing']);
  });

  test('that nobody needs may be missing', async () => {
    const { ruleset } = made({});
    const idle = target('D', { backends: ['hosts_deny'] });
    expect(await ruleset.install([idle])).toEqual({ changes: [], problems: [] });
    expect(await ruleset.remove([idle])).toEqual({ changes: [], problems: [] });
    expect(await ruleset.isIntact([idle])).toBe(true);
    expect(await ruleset.check([idle], { managed: true })).toEqual([]);
  });

  test('that fail are said in their own words', async () => {
    const { ruleset } = made({ nft: `echo 'Error: Operation not permitted (you must be root)' >&2; exit 1` });
    const problem = "the rules of nftables can't be looked at or changed: nft failed (1): Error: Operation not permitted (you must be root)";
    expect(await ruleset.install([NFT])).toEqual({ changes: [], problems: [problem] });
    expect(await ruleset.remove([NFT])).toEqual({ changes: [], problems: [problem] });
    expect((await ruleset.check([NFT], { managed: true })).map(({ code, message }) => [code, message])).toEqual([['program-failed', problem]]);
  });

  test('that fail half-way are said, too', async () => {
    const { ruleset } = made({ nft: `case $1 in -f) cat >/dev/null; echo 'Error: Could not process rule: File exists' >&2; exit 1;; *) ;; esac` });
    expect(await ruleset.install([NFT])).toEqual({ changes: [], problems: ["the rules of nftables can't be looked at or changed: nft failed (1): Error: Could not process rule: File exists"] });
  });

  test('that hang are killed after ten seconds', async () => {
    const clock = fakeClock();
    const { ruleset, path } = made({ nft: `echo $$ > "$0.pid"; exec /bin/sleep 1000` }, clock);
    const outcome = ruleset.install([NFT]);
    const pid = await waitFor('nft to run', () => existsSync(join(path, 'nft.pid')) && Number(readFileSync(join(path, 'nft.pid'), 'utf8')));
    clock.advance(10_000);
    expect(await outcome).toEqual({ changes: [], problems: ["the rules of nftables can't be looked at or changed: nft did not end within 10 s and was killed"] });
    await waitFor('its end', () => !existsSync(`/proc/${pid}`));
  });

  test('that print nonsense are no evidence', async () => {
    const { ruleset } = made({ nft: 'case $1 in -j) echo "{}"; echo nonsense;; *) echo "table inet banban {";; esac', iptables: 'echo what', ip6tables: 'echo what', 'iptables-save': 'head -c 100000 /dev/urandom', 'ip6tables-save': 'echo "*filter"', 'iptables-restore': 'cat >/dev/null', 'ip6tables-restore': 'cat >/dev/null' });
    expect((await ruleset.check([NFT], { managed: true })).map(({ code, message }) => [code, message])).toEqual([['program-failed', "the rules of nftables can't be looked at or changed: nft printed no JSON that can be read, so that the rules can't be judged"]]);
    expect((await ruleset.install([NFT])).problems).toEqual([]);
    expect(await ruleset.isIntact([NFT])).toBe(false);
    expect((await ruleset.check([RECENT], { managed: true })).map(({ code }) => code)).toEqual(['no-rule']);
    expect(await ruleset.isIntact([RECENT])).toBe(false);
  });

  test('that print without end are read to a bound', async () => {
    const { ruleset } = made({ nft: 'head -c 40000000 /dev/zero' });
    expect((await ruleset.install([NFT])).problems).toEqual(["the rules of nftables can't be looked at or changed: nft printed more than 32 MiB, which banban does not read"]);
  });

  test('run one after the other, however many ask', async () => {
    const { ruleset, path } = made({ nft: `case $1 in -f) cat >> "$0.in";; *) echo x >> "$0.busy"; [ $(wc -l < "$0.busy") = 1 ] || echo two >> "$0.clash"; echo; : > "$0.busy";; esac` });
    await Promise.all([ruleset.install([NFT]), ruleset.install([NFT]), ruleset.isIntact([NFT]), ruleset.remove([NFT])]);
    expect(existsSync(join(path, 'nft.clash'))).toBe(false);
    expect(readFileSync(join(path, 'nft.in'), 'utf8').match(/^add table inet banban$/gm)).toHaveLength(2);
  });

  test('an iptables that prints rules in its own way is not given them for ever', async () => {
    // Prints what it was given, with an option that nobody told it of.
    const save = 'if [ -f "$0.rules" ]; then sed "s/^-A banban .*recent/& --reap/" "$0.rules" | sed "s/-I \\(INPUT\\|FORWARD\\) 1/-A \\1/"; fi';
    const restore = 'cat > "${0%restore}save.rules"; echo x >> "$0.calls"';
    const { ruleset, path } = made({ iptables: 'echo "iptables v9 (nf_tables)"', ip6tables: 'echo "ip6tables v9 (nf_tables)"', 'iptables-save': save, 'ip6tables-save': save, 'iptables-restore': restore, 'ip6tables-restore': restore });
    expect((await ruleset.install([RECENT])).problems).toEqual([]);
    expect(await ruleset.isIntact([RECENT])).toBe(true);
    expect(await ruleset.install([RECENT])).toEqual({ changes: [], problems: [] });
    expect(readFileSync(join(path, 'iptables-restore.calls'), 'utf8')).toBe('x\n');
  });
});
