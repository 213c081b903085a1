/** A real sshd in the victim: its own configuration, host key and PAM service, the machine's programs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must, run, type Child } from './child.ts';
import { waitFor } from './wait-for.ts';
import type { Victim } from './victim.ts';

const CONFIG = `
Port 22
AddressFamily any
PidFile none
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PubkeyAuthentication no
PermitRootLogin no
SyslogFacility AUTH
LogLevel INFO
UseDNS no
MaxStartups 200:30:300
PrintMotd no
PrintLastLog no
# A session whose packets are dropped ends by itself, should a test have left it.
ClientAliveInterval 15
ClientAliveCountMax 3
`;

/** nodelay: PAM's two seconds after a wrong password are of no interest here. */
const PAM = `auth required pam_unix.so nodelay
account required pam_unix.so
session required pam_unix.so
`;

/** OpenSSH 9.8 and newer ban on their own (PerSourcePenalties), which would hide what banban does. */
async function withoutPenalties(sshd: string, config: string): Promise<string> {
  const known = await run([sshd, '-t', '-f', config, '-o', 'PerSourcePenalties=no']);
  return known.code === 0 ? 'PerSourcePenalties no\n' : '';
}

/** Starts sshd and waits until it listens on port 22, for IPv4 and IPv6. */
export async function startSshd(victim: Victim): Promise<Child> {
  const { dir } = victim.host;
  const key = join(dir, 'ssh_host_key');
  const config = join(dir, 'sshd_config');
  const sshd = (await must(['sh', '-c', 'command -v sshd'])).trim();
  await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await writeFile(join(dir, 'pam'), PAM);
  await victim.host.must(['sh', '-c', `test -e /etc/pam.d/sshd && mount --bind ${dir}/pam /etc/pam.d/sshd`]);
  await writeFile(config, `HostKey ${key}\n${CONFIG}`);
  await writeFile(config, `HostKey ${key}\n${CONFIG}${await withoutPenalties(sshd, config)}`);
  const child = victim.host.spawn([sshd, '-D', '-f', config]);
  await waitFor('sshd to listen', async () => {
    if (!child.running) throw new Error(`sshd ended: ${child.stderr}`);
    const listening = await victim.host.must(['ss', '-Hltn', 'sport = :22']);
    return listening.includes('0.0.0.0:22') && listening.includes('[::]:22');
  });
  return child;
}
