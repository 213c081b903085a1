/**
 * One pass over a mixed log with every pack: from bytes to the pattern and its address, in one process, without socket and
 * engine. Bundles the matching from its source, as the daemon has it. `node matching.mjs` prints one JSON object,
 * `node matching.mjs log FILE` writes a log.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './daemon.mjs';

const LINES = 200_000;
const ROUNDS = 5;
/** Attackers; each has addresses of both families. */
const ATTACKERS = 1000;

// Beside the built programs, where node finds the native modules.
const dir = mkdtempSync(join(root, 'packages/server/dist/bench-'));
const outfile = join(dir, 'matching.mjs');
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
await build({
  stdin: {
    contents: ['config/packs', 'match/matcher', 'syslog/entry', 'syslog/parse', 'offline/rules-to-test', 'offline/test-lines'].map((m) => `export * from './${m}.ts';`).join('\n'),
    resolveDir: join(root, 'packages/server/src'),
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile,
  logLevel: 'error',
  external: ['re2', 'better-sqlite3', 'unix-dgram'],
  banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
});
const { createMatcher, newEntry, parseLine, packLibrary, packFolders, rulesToTest } = await import(outfile);

const began = performance.now();
const { good, rules } = rulesToTest({ config: undefined, packs: 'all' });
const loadMs = performance.now() - began;
const matcher = createMatcher(good, rules.map((r) => r.patterns));

// What a machine logs when nobody is attacking it.
const honest = [
  (n) => `CRON[${n}]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)`,
  (n) => `CRON[${n}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`,
  (n) => `systemd[1]: Started session-${n}.scope - Session ${n} of user ann.`,
  (n) => `kernel: [${n}.123456] eth0: Link is Up - 1Gbps/Full - flow control rx/tx`,
  (n) => `sshd[${n}]: Connection closed by 203.0.113.20 port ${n}`,
  (n) => `sshd[${n}]: Disconnected from user ann 203.0.113.20 port ${n}`,
  (n) => `postfix/smtpd[${n}]: connect from mail.example.org[203.0.113.25]`,
  (n) => `postfix/smtpd[${n}]: 4Xb${n}: client=mail.example.org[203.0.113.25]`,
  (n) => `postfix/cleanup[${n}]: 4Xb${n}: message-id=<${n}@mail.example.org>`,
  (n) => `postfix/qmgr[${n}]: 4Xb${n}: from=<bob@example.org>, size=${n}, nrcpt=1 (queue active)`,
  (n) => `dovecot: imap(ann)<${n}><q1w2E3>: Disconnected: Logged out in=${n} out=${n} deleted=0 expunged=0 trashed=0 hdr_count=0`,
  (n) => `nginx: 203.0.113.30 - - [21/Nov/2026:03:04:05 +0000] "GET /blog/${n} HTTP/1.1" 200 ${n} "https://example.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"`,
  (n) => `named[${n}]: client @0x7f3c2c0a1b50 203.0.113.7#${n % 60000} (example.com): query: example.com IN A +E(0)K (198.51.100.1)`,
  (n) => `dhclient[${n}]: DHCPACK of 198.51.100.7 from 198.51.100.1`,
];
// One sample of every bad pattern, with an attacker's address in the place of its own.
const library = packLibrary(packFolders(undefined));
const samplesOf = (name) => library.get(name)?.pack?.patterns.filter((p) => !p.good && !p.weak).map((p) => p.samples.find((s) => !s.address.includes(':')) ?? p.samples[0]) ?? [];
/** How often which service is attacked, in percent: what an exposed machine with ssh, mail and web sees; the rest is any pack's. */
const SHARES = [['sshd', 45], ['http-access', 15], ['postfix', 12], ['dovecot', 8], ['pam', 5], ['nginx', 3], ['exim', 2]];
const often = SHARES.flatMap(([name, share]) => Array.from({ length: share }, () => samplesOf(name)));
const each = library.names().map(samplesOf).filter((samples) => samples.length > 0);
const any = each.flat();

/** @param even every pattern of every pack as often as any other, which no machine ever sees: the caches' worst case */
function log(percent, even = false) {
  let seed = 7;
  const random = (n) => Math.floor(((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32) * n);
  // A service's second kind of line is less than half as often as its first, and so on: packs have the usual ones first.
  const zipf = (samples) => {
    const weight = (k) => (k + 1) ** -1.5;
    let left = (random(1e6) / 1e6) * samples.reduce((sum, _, k) => sum + weight(k), 0);
    return samples.find((_, k) => (left -= weight(k)) < 0) ?? samples[0];
  };
  return Array.from({ length: LINES }, (_, i) => {
    let text;
    if (random(100) < percent) {
      const from = often[random(100)];
      const { line, address } = even ? any[random(any.length)] : zipf(from ?? each[random(each.length)]);
      const attacker = random(ATTACKERS);
      text = line.replaceAll(address, address.includes(':') ? `2001:db8::${attacker.toString(16)}` : `198.18.${attacker >> 8}.${attacker & 255}`);
    } else text = honest[random(honest.length)](1000 + i);
    const tagged = /^[A-Za-z][\w./()-]*(?:\[\d+\])?: /.test(text);
    return Buffer.from(tagged ? `<38>Nov 21 03:04:05 web1 ${text}` : text);
  });
}

if (process.argv[2] === 'log') {
  const lines = `${log(5).map(String).join('\n')}\n`;
  writeFileSync(process.argv[3], lines + lines + lines);
  process.exit(0);
}

const entry = newEntry();
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const result = { packs: library.names().length, patterns: rules.flatMap((r) => r.patterns).length + good.length, loadMs, perCpu: {}, found: {} };
for (const [percent, even] of [[5, false], [60, false], [60, true]]) {
  const lines = log(percent, even);
  const figures = [];
  let bad = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    bad = 0;
    const before = cpu();
    for (const line of lines) {
      parseLine(line, 0, line.length, entry);
      if (matcher.match(entry).hits.length > 0) bad++;
    }
    // The first round warms up.
    if (round > 0) figures.push(LINES / (cpu() - before));
  }
  const name = `${percent}${even ? ' even' : ''}`;
  result.perCpu[name] = figures.sort((a, b) => a - b)[ROUNDS >> 1];
  result.found[name] = bad / LINES;
}
// The longest lines that there can be, with every pack: the one that takes longest.
const long = ['sshd[1]: Failed password for ', 'sshd[1]: Failed password for invalid user a from 192.0.2.1 port 1 ssh2 ', 'nginx: 203.0.113.30 - - [21/Nov/2026:03:04:05 +0000] "GET /', '203.0.113.30 - - [21/Nov/2026:03:04:05 +0000] "GET /', 'postfix/smtpd[1]: NOQUEUE: reject: RCPT from '].flatMap((head) =>
  ['a', ' from 1.2.3.4', '1.2.3.4 ', '"', '[', ')', ', ', ': '].map((fill) => Buffer.from((head + fill.repeat(65_000)).slice(0, 65_000))),
);
const times = (length) =>
  long.map((line) => {
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
      const from = performance.now();
      parseLine(line, 0, length, entry);
      matcher.match(entry);
      best = Math.min(best, performance.now() - from);
    }
    return best;
  });
result.slowestMs = Math.max(...times(65_000));
result.slowestOfQuarterMs = Math.max(...times(16_250));
// What the parts of it cost alone.
const RE2 = createRequire(join(root, 'packages/server/package.json'))('re2');
const sshd = library.get('sshd').pack.patterns.flatMap((p) => p.compiled);
const failed = sshd.find((p) => p.name === 'sshd/failed-password');
const text = Buffer.from('sshd[811]: Failed password for root from 203.0.113.7 port 40022 ssh2');
const nanoseconds = (action) => {
  for (let i = 0; i < 50_000; i++) action();
  const from = cpu();
  for (let i = 0; i < 200_000; i++) action();
  return ((cpu() - from) / 200_000) * 1e9;
};
const set = new RE2.Set(sshd.map((p) => p.finder));
result.lineSet = 1e9 / nanoseconds(() => set.match(text));
result.bareAsk = nanoseconds(() => failed.asker.test(text));
result.capture = nanoseconds(() => failed.capturer.exec(text));
process.stdout.write(`${JSON.stringify(result)}\n`);
