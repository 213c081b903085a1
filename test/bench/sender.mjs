/**
 * Floods a UNIX datagram socket:  node sender.mjs SOCKET COUNT HOSTILE_PERCENT ADDRESSES
 * Prints the seconds it took. The kernel's own back-pressure sets the pace: what does not fit is sent again.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './daemon.mjs';

const unixDgram = createRequire(join(root, 'packages/server/package.json'))('unix-dgram');

const [, , path, count, percent, addresses] = process.argv;

const HARMLESS = [
  'Nov 20 22:14:15 host systemd[1]: Started Session 42 of user root.',
  'Nov 20 22:14:15 host CRON[1234]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)',
  'Nov 20 22:14:15 host sshd[2211]: Connection closed by 198.51.100.20 port 2222 [preauth]',
  'Nov 20 22:14:15 host kernel: [12345.678901] usb 1-1: new high-speed USB device number 4 using xhci_hcd',
  'Nov 20 22:14:15 host postfix/smtpd[991]: connect from mail.example.org[192.0.2.1]',
  'Nov 20 22:14:15 host dovecot: imap-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, mpid=17, TLS, session=<abc>',
];

/** One of a fixed number of attackers; the count of them decides how many of the lines end in a ban. */
const attacker = (i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

function line(i) {
  if ((i * 7919) % 100 >= Number(percent)) return HARMLESS[i % HARMLESS.length];
  return `Nov 20 22:14:15 host sshd[22]: Failed password for invalid user admin from ${attacker(i % Number(addresses))} port 2222 ssh2`;
}

// Made beforehand, so that the making is not what is measured.
const RING = Math.min(Number(count), Math.max(200_000, Number(addresses)));
const lines = Array.from({ length: RING }, (_, i) => Buffer.from(line(i)));

const socket = unixDgram.createSocket('unix_dgram');
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
let sent = 0;
let startedAt = 0;
let failed = false;
const note = (error) => (failed = Boolean(error));

function flood() {
  while (sent < Number(count)) {
    failed = false;
    socket.send(lines[sent % RING], note);
    if (failed) return;
    sent++;
  }
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(4)}\n`);
  process.exit(0);
}
socket.on('writable', flood);
socket.connect(path);
startedAt = performance.now();
// A refused datagram is not always followed by an event that there is room again.
setInterval(flood, 1);
flood();
