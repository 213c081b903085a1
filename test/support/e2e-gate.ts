/**
 * Whether end-to-end tests can run here: they need root, namespaces, the kernel's xt_recent and some programs. Where they
 * can't they are skipped, loudly; with BANBAN_REQUIRE_E2E=1 (as in .ci/run) a skip is a failure.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

// Debian keeps these programs where a user's PATH does not look.
process.env['PATH'] = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter);

/** Loads the rules that banban needs into a network namespace of nobody's, and looks for the kernel's list. */
const KERNEL_PROBE = `
  iptables -A INPUT -m recent --name BANBANPROBE --rcheck -j DROP &&
  ip6tables -A INPUT -m recent --name BANBANPROBE --rcheck -j DROP &&
  iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT &&
  ip link add name probe0 type veth peer name probe1 &&
  test -w /proc/net/xt_recent/BANBANPROBE`;

function reasonNotTo(): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, and they need Linux`;
  if (process.getuid?.() !== 0) return 'they need root (network namespaces, a firewall, an sshd)';
  const packages = spawnSync(join(root, 'scripts/e2e-packages.sh'), ['--check'], { encoding: 'utf8' });
  if (packages.status !== 0) return packages.stderr.trim().replace(/^e2e-packages: /, '') || 'scripts/e2e-packages.sh could not be run';
  const kernel = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-c', KERNEL_PROBE], { encoding: 'utf8' });
  if (kernel.status !== 0) return `the kernel or the container does not allow it: ${(kernel.stderr || kernel.error?.message || 'no xt_recent').trim().split('\n')[0]}`;
  for (const built of ['packages/server/dist/main.js', 'packages/client/dist/main.js']) {
    if (!existsSync(join(root, built))) return `${built} is not there: npm test builds it`;
  }
  return undefined;
}

const reason = reasonNotTo();
const required = process.env['BANBAN_REQUIRE_E2E'] === '1';

if (reason !== undefined && !required) {
  const line = '*'.repeat(78);
  process.stderr.write(`\n${line}\nEND-TO-END TESTS SKIPPED: ${reason}\n${line}\n\n`);
}

/** `describe` for end-to-end tests. */
export function describeE2e(name: string, body: () => void): void {
  if (reason === undefined) describe(name, body);
  else if (!required) describe.skip(name, body);
  else
    test(name, () => {
      throw new Error(`BANBAN_REQUIRE_E2E is set and this can't run: ${reason}`);
    });
}

/** Where syslog-ng is, and what it needs to run from there. */
export function syslogNgInstallation(): { readonly program: string; readonly options: readonly string[]; readonly env: NodeJS.ProcessEnv } {
  const unpacked = join(process.env['BANBAN_E2E_TOOLS'] ?? join(root, '.tools/e2e'), 'syslog-ng');
  if (!existsSync(join(unpacked, '.complete'))) return { program: 'syslog-ng', options: [], env: {} };
  // The version's own folder below usr/lib/syslog-ng, and Debian's folder for this kind of machine.
  const dirs = execFileSync('find', [join(unpacked, 'usr/lib'), join(unpacked, 'lib'), '-name', '*.so*', '-printf', '%h\\n'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const libraries = [...new Set(dirs.trim().split('\n'))];
  const modules = libraries.filter((dir) => /syslog-ng\/\d/.test(dir));
  return {
    program: join(unpacked, 'usr/sbin/syslog-ng'),
    options: [`--module-path=${modules.join(':')}`],
    env: { LD_LIBRARY_PATH: libraries.join(':') },
  };
}
