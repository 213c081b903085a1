/** The rules that read the lists, by real programs in a real kernel. Whether they stop packets is told in test/e2e. */
import { FOREVER, ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { printRules } from '../../packages/server/src/enforce/ruleset/ruleset.ts';
import type { TargetConfig } from '../../packages/server/src/config/config.ts';
import type { RulesFacts } from '../../packages/server/src/enforce/firewall.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { kernelNamespace } from '../support/kernel-namespace.ts';
import { target } from '../support/policies.ts';
import { RulesetRoom } from '../support/ruleset-room.ts';

const ALL = target('BLOCKER', { backends: ['nftables', 'xt_recent', 'ipset'], ipv6Prefix: 64 });
const MAIL = target('MAIL', { backends: ['nftables', 'xt_recent', 'ipset'], ports: [{ first: 25, last: 25 }, { first: 587, last: 600 }], protocols: ['tcp', 'udp'], action: 'reject' });
const SHORT = target('SHORT', { seconds: ms(60_000), action: 'reject' });
const EVERY = [ALL, MAIL, SHORT];
const RECENT = target('BLOCKER', { ban: [ms(3_600_000)] });
const NFT = target('BLOCKER', { backends: ['nftables'] });
const IPSET = target('BLOCKER', { backends: ['ipset'] });

/** Rules of an admin, with an order and a comment that must survive. */
const ADMINS = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m comment --comment "it's \\"mine\\" \\\\ $x" -j mine
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j mine
-A mine -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 53 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
`;


for (const variant of ['nft', 'legacy'] as const) {
  describeKernel(`the rules in iptables-${variant} and nftables`, ['xt_recent'], () => {
    const open = (options: Omit<Parameters<typeof RulesetRoom.open>[0] & object, 'variant'> = {}): Promise<RulesetRoom> => RulesetRoom.open({ variant, ...options });

    test('are put in once, however often: handles, rows and elements stay', async () => {
      const room = await open();
      const first = await room.install(EVERY);
      expect(first.problems).toEqual([]);
      expect(first.changes.length).toBeGreaterThan(0);
      room.sh('echo +192.0.2.1 > /proc/net/xt_recent/BLOCKER; nft add element inet banban BLOCKER_v4 "{ 192.0.2.1 timeout 1h }"; ipset add banban-BLOCKER-4 192.0.2.1');
      const state = (): string => room.sh('nft -a -t list table inet banban') + room.rules();
      const before = state();
      expect(await room.install(EVERY)).toEqual({ changes: [], problems: [] });
      expect(state()).toBe(before);
      expect(before.match(/^-A INPUT -j banban$/gm)).toHaveLength(2);
      expect(before.match(/^:banban /gm)).toHaveLength(2);
      const rows = (): string => room.sh('cat /proc/net/xt_recent/BLOCKER; nft list set inet banban BLOCKER_v4; ipset list banban-BLOCKER-4');
      expect(rows().match(/192\.0\.2\.1/g)).toHaveLength(3);
      // And when the rules have to be written anew.
      room.sh('iptables -D banban 2; nft flush chain inet banban target_BLOCKER');
      await room.install(EVERY);
      expect(rows().match(/192\.0\.2\.1/g)).toHaveLength(3);
    });

    test('are what is printed for people, which can be loaded by hand, over itself too', async () => {
      const room = await open();
      const parts = printRules(EVERY).split('\n\n');
      const part = (words: string): string => `${parts.find((one) => one.includes(words)) ?? ''}\n`;
      for (let i = 0; i < 2; i++) {
        room.sh('nft -f -', part('add table inet banban'));
        room.sh('ipset restore -exist', part('create banban'));
        for (const [program, words] of [['ip6tables', '# ip6tables'], ['iptables', '# iptables']] as const) {
          room.sh(`${program}-restore --noflush`, part(words));
          for (const [, jump = 'false'] of part(words).matchAll(/^# {3}(ip6?tables -C .*)$/gm)) room.sh(`${jump} 2>/dev/null`);
        }
      }
      // Lists without rows may have come from anywhere, see below.
      room.sh('for list in BLOCKER MAIL SHORT; do echo +192.0.2.1 > /proc/net/xt_recent/$list; done');
      expect(await room.isIntact(EVERY)).toBe(true);
      expect(await room.install(EVERY)).toEqual({ changes: [], problems: [] });
    });

    test('of nftables are listed so that the list can be loaded again', async () => {
      const room = await open();
      await room.install(EVERY);
      room.sh('nft list ruleset inet > /tmp/banban-listed.$$; nft delete table inet banban; nft -f /tmp/banban-listed.$$; rm /tmp/banban-listed.$$');
      expect(await room.install(EVERY)).toEqual({ changes: [], problems: [] });
    });

    for (const hasNative of [true, false])
      test(`are seen to be gone and put in again, ${hasNative ? 'by netlink' : 'by programs'}`, async () => {
        const room = await open({ hasNative });
        room.sh('iptables-restore', ADMINS);
        await room.install(EVERY);
        expect(await room.isIntact(EVERY)).toBe(true);
        expect(await room.isIntact(EVERY)).toBe(true);
        const [rules, table] = [room.rules(), room.table()];
        const damages = [
          'iptables -D INPUT 1',
          'ip6tables -D FORWARD 1',
          'iptables -F banban',
          'iptables -D banban 2',
          'iptables -R banban 2 -j RETURN',
          'iptables -I INPUT -j banban',
          'iptables -A FORWARD -j banban; iptables -D FORWARD 1',
          'ip6tables -F; ip6tables -X',
          'nft delete table inet banban',
          'nft flush chain inet banban input',
          'nft insert rule inet banban input accept',
          'nft add rule inet banban target_BLOCKER accept',
          'nft add table inet banban "{ flags dormant; }"',
          'nft flush chain inet banban target_BLOCKER; nft delete set inet banban BLOCKER_v6_net',
          'nft flush table inet banban; nft delete chain inet banban forward',
          'nft flush chain inet banban input; nft delete chain inet banban input; nft add chain inet banban input "{ type filter hook input priority 7; }"',
          'iptables-save | iptables-restore; nft flush ruleset inet',
        ];
        for (const damage of damages) {
          room.sh(damage);
          expect([damage, await room.isIntact(EVERY)]).toEqual([damage, false]);
          const { changes, problems } = await room.install(EVERY);
          expect([damage, problems]).toEqual([damage, []]);
          expect(changes.length).toBeGreaterThan(0);
          expect([damage, await room.isIntact(EVERY)]).toEqual([damage, true]);
          expect([damage, room.rules(), room.table()]).toEqual([damage, rules, table]);
        }
      });

    test('are put on top again where something else came before them, which stays', async () => {
      const room = await open();
      room.sh('iptables-restore', ADMINS);
      await room.install(EVERY);
      room.sh('iptables -I INPUT -s 203.0.113.5 -j ACCEPT');
      expect(await room.isIntact(EVERY)).toBe(false);
      expect((await room.install(EVERY)).changes).toEqual(['put the jump to the chain banban back to the top of INPUT of iptables']);
      expect(room.sh('iptables -S INPUT').split('\n').slice(1, 4)).toEqual(['-A INPUT -j banban', '-A INPUT -s 203.0.113.5/32 -j ACCEPT', '-A INPUT -i lo -j ACCEPT']);
    });

    test('are there again after a flush, sets of ipset included', async () => {
      const room = await open();
      await room.install(EVERY);
      room.sh('iptables -F; ip6tables -F; for set in $(ipset list -n); do ipset destroy $set; done');
      expect(await room.isIntact(EVERY)).toBe(false);
      const { changes, problems } = await room.install(EVERY);
      expect(problems).toEqual([]);
      expect(changes[0]).toMatch(/^made banban-BLOCKER-4, .* of ipset$/);
      expect(await room.check(EVERY, { bans: new Map() })).toMatchObject([{ code: 'table-too-small' }]);
    });

    test('are taken out, and the admin’s are byte for byte what they were', async () => {
      const room = await open();
      room.sh('iptables-restore', ADMINS);
      room.sh('ip6tables-restore', ADMINS);
      room.sh('nft add table inet mine; nft add set inet mine s "{ type ipv4_addr; }"; ipset create mine hash:ip');
      const all = (): string => room.rules() + room.sh('nft list ruleset inet; ipset list -n');
      const before = all();
      await room.install(EVERY);
      expect(all()).not.toBe(before);
      const { changes, problems } = await room.remove(EVERY);
      expect(problems).toEqual([]);
      expect(changes.length).toBeGreaterThan(2);
      expect(all()).toBe(before);
      expect(await room.remove(EVERY)).toEqual({ changes: [], problems: [] });
      expect(all()).toBe(before);
    });

    test('leave behind an empty chain where a rule of the admin’s goes to it, and say so', async () => {
      const room = await open();
      await room.install([RECENT]);
      room.sh('iptables -A INPUT -p udp -j banban');
      const { problems } = await room.remove([RECENT]);
      expect(problems).toEqual(['the chain banban of iptables is empty now and stays, because "-A INPUT -p udp -j banban" goes to it: delete that rule, and then the chain with "iptables -X banban"']);
      expect(room.sh('iptables -S').split('\n').filter((line) => line.includes('banban'))).toEqual(['-N banban', '-A INPUT -p udp -j banban']);
    });

    test('follow the configuration: what a target no longer needs goes, and the rows of the others stay', async () => {
      const room = await open();
      await room.install(EVERY);
      room.sh('echo +192.0.2.1 > /proc/net/xt_recent/BLOCKER; nft add element inet banban BLOCKER_v4 "{ 192.0.2.1 timeout 1h }"; ipset add banban-BLOCKER-4 192.0.2.1');
      expect((await room.install([ALL])).problems).toEqual([]);
      expect(room.sh('nft list ruleset inet; ipset list -n; ls /proc/net/xt_recent') + room.rules()).not.toMatch(/MAIL|SHORT/);
      expect(room.sh('cat /proc/net/xt_recent/BLOCKER; nft list set inet banban BLOCKER_v4; ipset list banban-BLOCKER-4').match(/192\.0\.2\.1/g)).toHaveLength(3);
      expect((await room.install([NFT])).problems).toEqual([]);
      expect(room.rules() + room.sh('ipset list -n')).not.toContain('banban');
      expect((await room.install([target('D', { backends: ['hosts_deny'] })])).problems).toEqual([]);
      expect(room.table()).toBe('');
      expect(await room.install([])).toEqual({ changes: [], problems: [] });
    });

    test('move along when the other iptables becomes that of PATH', async () => {
      const room = await open();
      await room.install([RECENT]);
      const other = variant === 'nft' ? 'legacy' : 'nft';
      for (const family of ['iptables', 'ip6tables']) for (const tool of ['', '-save', '-restore']) room.replace(`${family}${tool}`, `${family}-${other}${tool}`);
      expect((await room.install([RECENT])).problems).toEqual([]);
      expect(room.sh(`iptables-${variant}-save; ip6tables-${variant}-save`)).not.toContain('banban');
      expect(room.sh(`iptables-${other}-save; ip6tables-${other}-save`).match(/^-A INPUT -j banban$/gm)).toHaveLength(2);
    });

    for (const ipv6Prefix of [64, 128])
      test(`make lists of xt_recent that see ${ipv6Prefix} bits of IPv6 addresses, and make them anew where saved rules were first`, async () => {
        const room = await open();
        const attacker = await kernelNamespace();
        room.sh(`ip link add v0 type veth peer name v1 netns ${/\d+/.exec(attacker.xtRecent)?.[0]}; ip link set v0 up; ip address add 2001:db8:5::1/64 dev v0 nodad`);
        attacker.sh('ip link set v1 up; ip address add 2001:db8:5::66/64 dev v1 nodad');
        const wanted = [target('BLOCKER', { ipv6Prefix }), target('OTHER', { backends: ['ipset'] })];
        const isBlocked = (): boolean => {
          room.sh(`echo +${ipv6Prefix === 64 ? '2001:db8:5::' : '2001:db8:5::66'} > /proc/net/xt_recent/BLOCKER`);
          const dropped = (): string => room.sh('ip6tables-save -c').match(/^\[(\d+):\d+\] -A banban .*--name BLOCKER/m)?.[1] ?? '';
          const before = dropped();
          attacker.sh('ping -c 1 -W 1 -n 2001:db8:5::1 >/dev/null || true');
          return dropped() !== before;
        };
        // The link is up when an answer has come.
        attacker.sh('for i in $(seq 100); do ping -c 1 -W 1 -n 2001:db8:5::1 >/dev/null && exit; done; exit 1');
        await room.install(wanted);
        expect(isBlocked()).toBe(true);
        expect(await room.isIntact(wanted)).toBe(true);

        const [ipv4, ipv6] = [room.sh('iptables-save'), room.sh('ip6tables-save')];
        room.sh('iptables -F; ip6tables -F; while [ -e /proc/net/xt_recent/BLOCKER ]; do sleep 0.01; done');
        room.sh('iptables-restore', ipv4);
        room.sh('ip6tables-restore', ipv6);
        expect(isBlocked()).toBe(false);
        expect(await room.isIntact(wanted)).toBe(false);
        expect(await room.install(wanted)).toEqual({
          changes: [
            "had the kernel make the list BLOCKER of xt_recent anew, because whichever rule made it may have cut IPv6 addresses to another length than banban's do",
            'wrote the rules of the chain banban of ip6tables anew, because they were not those that are needed',
            'wrote the rules of the chain banban of iptables anew, because they were not those that are needed',
          ],
          problems: [],
        });
        expect(isBlocked()).toBe(true);
        expect(await room.isIntact(wanted)).toBe(true);

        // Another length is another list, too.
        const shorter = [target('BLOCKER', { ipv6Prefix: 48 }), wanted[1] ?? NFT];
        expect((await room.install(shorter)).changes[0]).toContain('had the kernel make the list BLOCKER of xt_recent anew');
        room.sh('echo +2001:db8:5:: > /proc/net/xt_recent/BLOCKER');
        expect(await room.isIntact(shorter)).toBe(true);
      });

    test('leave a list alone that rules of the admin’s name as well', async () => {
      const room = await open();
      room.sh('iptables -A INPUT -m recent --name BLOCKER --rcheck -j DROP');
      const wanted = [target('BLOCKER', { ipv6Prefix: 64 })];
      expect((await room.install(wanted)).problems).toEqual([]);
      room.sh('echo +192.0.2.1 > /proc/net/xt_recent/BLOCKER');
      expect(await room.isIntact(wanted)).toBe(true);
      expect(await room.install(wanted)).toEqual({ changes: [], problems: [] });
      expect(room.sh('cat /proc/net/xt_recent/BLOCKER')).toContain('192.0.2.1');
    });

    test('of IPv4 go in without ip6tables, and that is said where there is IPv6', async () => {
      const room = await open({ hasOther: false });
      room.uninstall('ip6tables', 'ip6tables-save', 'ip6tables-restore');
      expect((await room.install([RECENT])).problems).toEqual([]);
      expect(await room.isIntact([RECENT])).toBe(true);
      expect(await room.check([RECENT])).toMatchObject([{ code: 'table-too-small' }]);
      room.sh('ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up; ip address add 2001:db8::1/64 dev v0 nodad');
      expect((await room.install([RECENT])).problems).toEqual([expect.stringMatching(/^IPv6 is not protected by the rules of ip6tables: the program ip6tables-save is not installed/) as string]);
      expect((await room.check([RECENT])).map(({ severity, code }) => `${severity} ${code}`)).toEqual(['warning program-missing', 'warning table-too-small']);
    });
  });
}

describeKernel('a look at the rules', ['xt_recent'], () => {
  test('runs no program as long as nothing has changed, and iptables-legacy costs two', async () => {
    const room = await RulesetRoom.open();
    await room.install(EVERY);
    await room.isIntact(EVERY);
    room.calls();
    for (let i = 0; i < 10; i++) expect(await room.isIntact(EVERY)).toBe(true);
    // What others change elsewhere is not looked at, nor are elements of sets.
    room.sh('nft add table inet mine; iptables -t nat -N mine; iptables -A INPUT -j ACCEPT; nft add element inet banban BLOCKER_v4 "{ 192.0.2.1 timeout 1h }"');
    room.calls();
    expect(await room.isIntact(EVERY)).toBe(true);
    expect(room.calls()).toEqual([]);
    expect(await room.tellsByEvents()).toBe(true);

    const legacy = await RulesetRoom.open({ variant: 'legacy' });
    await legacy.install(EVERY);
    await legacy.isIntact(EVERY);
    legacy.calls();
    expect(await legacy.isIntact(EVERY)).toBe(true);
    expect(legacy.calls().sort()).toEqual(['ip6tables-save -t filter', 'iptables-save -t filter']);
    expect(await legacy.tellsByEvents()).toBe(false);
  });

  test('is not deceived by a table that was made anew, with the same numbers for its rules', async () => {
    const room = await RulesetRoom.open();
    await room.install([NFT]);
    expect(await room.isIntact([NFT])).toBe(true);
    const script = room.sh('nft list table inet banban').replace(/iif "lo" accept .*/, 'accept');
    room.sh('nft -f -', `delete table inet banban\n${script}`);
    expect(await room.isIntact([NFT])).toBe(false);
  });

  test('is about the targets that are given', async () => {
    const room = await RulesetRoom.open();
    await room.install([NFT]);
    expect(await room.isIntact([NFT])).toBe(true);
    expect(await room.isIntact([NFT, target('OTHER', { backends: ['nftables'] })])).toBe(false);
    expect(await room.isIntact([RECENT])).toBe(false);
  });
});

describeKernel('the doctor', ['xt_recent'], () => {
  const LIST = '-m recent --name BLOCKER --rcheck';
  const codes = async (room: RulesetRoom, targets: readonly TargetConfig[] = [RECENT], facts: Partial<RulesFacts> = {}): Promise<string[]> =>
    (await room.check(targets, facts)).filter(({ code }) => code !== 'table-too-small').map(({ severity, code }) => `${severity} ${code}`);
  const ipv6 = 'ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up; ip address add 2001:db8::1/64 dev v0 nodad';

  type Case = readonly [rules: string, codes: readonly string[], targets?: readonly TargetConfig[], facts?: Partial<RulesFacts>];

  for (const variant of ['nft', 'legacy'] as const)
    describe(`with iptables-${variant}`, () => {
      const cases: readonly Case[] = [
        ['true', ['error no-rule']],
        [`iptables -A INPUT ${LIST} -j DROP`, []],
        [`iptables -A FORWARD ${LIST} -j DROP`, ['error no-rule']],
        [`iptables -N mine; iptables -A mine ${LIST} -j DROP`, ['error no-rule']],
        [`iptables -N mine; iptables -A mine ${LIST} -j DROP; iptables -A INPUT -p tcp -g mine`, []],
        [`iptables -t raw -A PREROUTING ${LIST} -j DROP; iptables -A INPUT -j ACCEPT`, []],
        [`iptables -t mangle -A INPUT ${LIST} -j DROP`, []],
        [`iptables -A INPUT -m recent --name BLOCKER ! --rcheck -j ACCEPT; iptables -P INPUT DROP`, []],
        [`iptables -A INPUT -j ACCEPT; iptables -A INPUT ${LIST} -j DROP`, ['error rule-after-accept']],
        [`iptables -N in; iptables -A INPUT -j in; iptables -A in -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT; iptables -A INPUT ${LIST} -j REJECT`, ['error rule-after-accept']],
        [`iptables -A INPUT -i lo -j ACCEPT; iptables -A INPUT -p icmp -j ACCEPT; iptables -A INPUT -p tcp --dport 22 -m limit --limit 3/min -j ACCEPT; iptables -A INPUT ${LIST} -j DROP`, []],
        [`iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT; iptables -A INPUT ${LIST} -j DROP`, ['error established-before-block']],
        [`iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -A INPUT ${LIST} -j DROP`, ['warning established-before-block'], [RECENT], { resetting: new Set(['BLOCKER']) }],
        [`${ipv6}; iptables -A INPUT ${LIST} -j DROP`, ['error ipv6-forgotten']],
        [`${ipv6}; ip6tables -A INPUT ${LIST} -j DROP`, ['error ipv4-forgotten']],
        // Only nf_tables tells how the rules are masked.
        [`${ipv6}; for x in iptables ip6tables; do $x -A INPUT ${LIST} -j DROP; done`, variant === 'nft' ? [] : ['warning mask-unknown']],
        [`${ipv6}; iptables -A INPUT ${LIST} --mask 255.255.255.255 -j DROP; ip6tables -A INPUT ${LIST} -j DROP`, ['warning mask-unknown']],
        [`iptables -A INPUT ${LIST} --seconds 600 -j DROP`, ['error seconds-too-short']],
        [`iptables -A INPUT ${LIST} --seconds 3600 -j DROP`, []],
        [`iptables -A INPUT ${LIST} --seconds 60 -j DROP`, ['error seconds-too-short'], [target('BLOCKER', { seconds: ms(120_000), ban: [FOREVER] })]],
        [`iptables -A INPUT ${LIST} --seconds 180 -j DROP`, ['warning seconds-differ'], [target('BLOCKER', { seconds: ms(120_000), ban: [FOREVER] })]],
        [`iptables -A INPUT ${LIST} --hitcount 3 --seconds 7200 -j DROP`, ['error hitcount-too-high']],
        [`iptables -A INPUT ${LIST} --rdest -j DROP`, ['error wrong-direction']],
        [`iptables -A INPUT ${LIST} --mask 255.255.255.0 -j DROP`, ['error mask-differs']],
        [`${ipv6}; iptables -A INPUT ${LIST} -j DROP; ip6tables -A INPUT ${LIST} --mask ffff:ffff:ffff:: -j DROP`, ['error mask-differs', 'warning mask-unknown'], [target('BLOCKER', { ipv6Prefix: 64 })]],
        ['true', ['error no-set', 'error no-rule'], [IPSET]],
        ['for s in "4 hash:ip" "4n hash:net" "6 hash:ip family inet6" "6n hash:net family inet6"; do ipset create banban-BLOCKER-$s timeout 0 counters; done; iptables -A INPUT -m set --match-set banban-BLOCKER-4 src -j DROP', ['error no-rule'], [IPSET]],
        ['for s in "4 hash:ip" "4n hash:net" "6 hash:ip family inet6" "6n hash:net family inet6"; do ipset create banban-BLOCKER-$s counters; done; for n in "" n; do iptables -A INPUT -m set --match-set banban-BLOCKER-4$n src -j DROP; done', Array.from({ length: 4 }, () => 'error set-flags'), [IPSET]],
      ];
      for (const [rules, wanted, targets = [RECENT], facts = {}] of cases) test(rules, async () => {
        const room = await RulesetRoom.open({ variant, hasOther: false });
        room.sh(rules);
        expect(await codes(room, targets, facts)).toEqual(wanted);
      });

      test('two firewalls side by side: both-iptables, and a list that the other one reads is read', async () => {
        const room = await RulesetRoom.open({ variant });
        room.sh(`iptables-${variant === 'nft' ? 'legacy' : 'nft'} -A INPUT ${LIST} -j DROP`);
        expect(await codes(room)).toEqual(['warning both-iptables']);
      });

      test('banban’s own rules that nobody keeps, and what they lack when something was done to them', async () => {
        const room = await RulesetRoom.open({ variant, hasOther: false });
        await room.install([RECENT]);
        expect(await codes(room)).toEqual([]);
        expect(await codes(room, [RECENT], { managed: false })).toEqual(['warning not-managed']);
        room.sh('iptables -D INPUT 1');
        expect(await codes(room)).toEqual(['error no-rule']);
        room.sh('iptables -A INPUT -j ACCEPT; iptables -A INPUT -j banban');
        expect(await codes(room)).toEqual(['error rule-after-accept']);
      });
    });

  test('a list with fewer rows than there are bans', async () => {
    const room = await RulesetRoom.open();
    await room.install([RECENT]);
    const found = await room.check([RECENT], { bans: new Map([['BLOCKER', 1_000_000]]) });
    expect(found).toMatchObject([{ severity: 'error', code: 'table-too-small', target: 'BLOCKER', remedy: expect.stringContaining('ip_list_tot=2097152') as string }]);
  });

  test('nftables: no table, no set, other flags, other rules', async () => {
    const room = await RulesetRoom.open();
    room.sh(ipv6);
    expect(await codes(room, [NFT])).toEqual(['error no-rule']);
    await room.install([NFT]);
    expect(await codes(room, [NFT])).toEqual([]);
    expect(await codes(room, [NFT], { managed: false })).toEqual(['warning not-managed']);
    room.sh('nft insert rule inet banban input ct state established accept');
    expect(await codes(room, [NFT])).toEqual(['error established-before-block']);
    room.sh('nft insert rule inet banban input tcp dport 22 accept');
    expect(await codes(room, [NFT])).toContain('error rule-after-accept');
    room.sh('nft add table inet banban "{ flags dormant; }"');
    expect(await codes(room, [NFT])).toEqual(['error no-rule']);
    room.sh('nft delete table inet banban');
    const sets = 'add table inet banban; add set inet banban BLOCKER_v4 { type ipv4_addr; flags interval; }; add set inet banban BLOCKER_v4_net { type ipv4_addr; flags interval, timeout; counter; }';
    room.sh(`nft '${sets}; add chain inet banban mine { type filter hook input priority 0; }; add rule inet banban mine ip daddr @BLOCKER_v4 drop; add rule inet banban mine ip saddr & 255.255.255.0 @BLOCKER_v4_net drop'`);
    expect((await codes(room, [NFT])).sort()).toEqual(['error ipv6-forgotten', 'error mask-differs', 'error no-set', 'error set-flags', 'error wrong-direction']);
    expect(await room.install([NFT])).toEqual({
      changes: [],
      problems: ['the set BLOCKER_v4 of nftables\' table inet banban is "type ipv4_addr; flags interval;" and has to be "type ipv4_addr; flags timeout; counter;", so that the rules can\'t be put in: take the table away with "banctl firewall remove" (or "nft delete table inet banban") and put it in again with "banctl firewall install"; the bans are written into it anew'],
    });
    await room.remove([NFT]);
    expect((await room.install([NFT])).problems).toEqual([]);
  });

  test('programs that are not installed', async () => {
    const room = await RulesetRoom.open({ hasOther: false });
    room.uninstall('nft', 'ipset', 'iptables', 'iptables-save');
    expect((await room.check([ALL])).map(({ code }) => code).sort()).toEqual(['program-missing', 'program-missing', 'program-missing', 'table-too-small']);
  });
});
