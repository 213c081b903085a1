/**
 * Whether tests that need root and a program or the kernel's lists can run here. Where they can't they are skipped, loudly;
 * with BANBAN_REQUIRE_E2E=1 (as in .ci/run) a skip is a failure.
 */
import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';

// Debian keeps these programs where a user's PATH does not look.
process.env['PATH'] = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(':');

/** What a test may need besides root: a sentence for when it is missing, and a command that succeeds when it is there. */
const NEEDS = {
  xt_recent: { probe: 'unshare --net sh -c "iptables -A INPUT -m recent --name PROBE --rcheck -j DROP && test -w /proc/net/xt_recent/PROBE"', missing: 'iptables, or the kernel’s xt_recent, does not work' },
  conntrack: { probe: 'unshare --net conntrack -L', missing: 'the program conntrack is missing or not allowed' },
  mount: { probe: 'unshare --mount mount -t tmpfs tmpfs /mnt', missing: 'mounting is not allowed' },
  journald: { probe: 'command -v journalctl && test -x /lib/systemd/systemd-journald', missing: 'systemd-journald or journalctl is missing (Debian’s package systemd)' },
  strace: { probe: 'strace -f -e trace=fsync true', missing: 'the program strace is missing or not allowed' },
} as const;

export type Need = keyof typeof NEEDS;

function reasonNotTo(needs: readonly Need[]): string | undefined {
  if (process.getuid?.() !== 0) return 'root is needed';
  return needs.map((need) => NEEDS[need]).find(({ probe }) => spawnSync('sh', ['-c', probe], { stdio: 'ignore' }).status !== 0)?.missing;
}

/** `describe` for tests that need root and `needs`. */
export function describeKernel(name: string, needs: readonly Need[], body: () => void): void {
  const reason = reasonNotTo(needs);
  if (reason === undefined) return void describe(name, body);
  if (process.env['BANBAN_REQUIRE_E2E'] === '1') {
    test(name, () => {
      throw new Error(`BANBAN_REQUIRE_E2E is set and this can't run: ${reason}`);
    });
    return;
  }
  const line = '*'.repeat(78);
  process.stderr.write(`\n${line}\nTESTS SKIPPED: ${name}: ${reason}\n${line}\n\n`);
  describe.skip(name, body);
}
