/** The configuration that banban comes with, against lines as the services write them and lines as an attacker would like them to be. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../packages/server/src/config/load.ts';
import { packFolders, packLibrary } from '../../../../packages/server/src/config/packs.ts';
import { compilePolicy } from '../../../../packages/server/src/engine/policy.ts';
import { newEntry } from '../../../../packages/server/src/syslog/entry.ts';
import { parseLine } from '../../../../packages/server/src/syslog/parse.ts';
import { loadText } from '../../../support/configs/load-text.ts';

const { config, warnings } = loadConfig(join(import.meta.dirname, '../../../../config/banban.yml'));
const packs = packLibrary(packFolders(config.path));
const { policy, issues } = compilePolicy(config, packs);
const { matcher } = policy;

/** `rule address` for each rule that the line counts in, or `good address`. */
function verdict(line: string): string[] {
  const bytes = Buffer.from(`Mar  3 03:00:00 host ${line}`);
  const entry = newEntry();
  parseLine(bytes, 0, bytes.length, entry);
  const { good, hits } = matcher.match(entry);
  return good === undefined ? hits.map(({ rule, address }) => `${config.rules[rule]?.name ?? ''} ${address}`) : [`good ${good.address}`];
}

test('loads without warnings', () => {
  expect([...warnings, ...issues]).toEqual([]);
  expect(config.targets.map((t) => t.name)).toEqual(['BLOCKER', 'THROTTLE']);
  expect(config.rules.map((r) => r.name)).toContain('sshd-password');
});

test('its examples that are commented out load as well', () => {
  const text = readFileSync(config.path, 'utf8').replace(/^( *)#(?=\S)/gm, '$1');
  const all = loadText(text);
  expect(all.warnings).toEqual([]);
  expect(all.config.rules.map((r) => r.name)).toContain('postfix-relay');
  expect(all.config).toMatchObject({ control: { group: 'banban' } });
  expect(all.config.sources.map(({ type }) => type)).toEqual(['unix', 'file', 'journal']);
  expect(compilePolicy(all.config, packs).issues).toEqual([]);
});

describe('what the services write is understood', () => {
  test.each([
    ['sshd[811]: Failed password for root from 192.0.2.1 port 40022 ssh2', ['sshd-password 192.0.2.1']],
    ['sshd-session[811]: Failed password for root from 2001:db8::1 port 40022 ssh2', ['sshd-password 2001:db8::1']],
    ['sshd[811]: Failed password for invalid user admin from 192.0.2.1 port 40022 ssh2', ['sshd-password 192.0.2.1']],
    ['sshd[811]: Failed password for invalid user  from 192.0.2.1 port 40022 ssh2', ['sshd-password 192.0.2.1']],
    ['sshd[811]: Failed keyboard-interactive/pam for invalid user a b from 192.0.2.1 port 4 ssh2', ['sshd-password 192.0.2.1']],
    ['sshd[811]: Failed publickey for alice from 192.0.2.1 port 4 ssh2: ED25519 SHA256:abc', []],
    ['sshd[811]: Invalid user admin from 192.0.2.1 port 40022', ['sshd-invalid-user 192.0.2.1']],
    ['sshd-session[811]: Invalid user  from 192.0.2.1 port 40022', ['sshd-invalid-user 192.0.2.1']],
    ['sshd[811]: Connection closed by authenticating user root 192.0.2.1 port 4 [preauth]', ['sshd-probe 192.0.2.1']],
    ['sshd-session[811]: Disconnected from invalid user x y 192.0.2.1 port 4 [preauth]', ['sshd-probe 192.0.2.1']],
    ['sshd[811]: User root from 192.0.2.1 not allowed because not listed in AllowUsers', ['sshd-probe 192.0.2.1']],
    ['sshd[811]: Unable to negotiate with 192.0.2.1 port 4: no matching key exchange method found. Their offer: a,b [preauth]', ['sshd-probe 192.0.2.1']],
    ['sshd[811]: banner exchange: Connection from 192.0.2.1 port 4: invalid format', ['sshd-probe 192.0.2.1']],
    ['sshd[811]: error: maximum authentication attempts exceeded for root from 192.0.2.1 port 4 ssh2 [preauth]', ['sshd-password 192.0.2.1']],
    ['sshd[811]: Accepted password for alice from 192.0.2.1 port 40022 ssh2', ['good 192.0.2.1']],
    ['sshd-session[811]: Accepted publickey for alice from 2001:db8::1 port 4 ssh2: ED25519 SHA256:abc', ['good 2001:db8::1']],
    ['sshd[811]: Accepted keyboard-interactive/pam for alice from 192.0.2.1 port 4 ssh2', ['good 192.0.2.1']],
    ['sshd[811]: Disconnected from user alice 192.0.2.1 port 4', []],
    ['postfix/smtpd[5]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6', ['postfix-password 192.0.2.1']],
    ['postfix/submission/smtpd[5]: warning: host.example.net[2001:db8::1]: SASL PLAIN authentication failed: (reason unavailable), sasl_username=x', ['postfix-password 2001:db8::1']],
    ['dovecot: imap-login: Disconnected (auth failed, 1 attempts in 4 secs): user=<bob>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.2, session=<q1w2E3/+abc>', ['dovecot-password 192.0.2.1']],
    ['dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 4 secs): user=<bob>, method=PLAIN, rip=2001:db8::1, lip=2001:db8::2, TLS: Connection closed, session=<q1w2>', ['dovecot-password 2001:db8::1']],
    ['dovecot: pop3-login: Aborted login (auth failed, 3 attempts in 9 secs): user=<bob>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.2, TLS', ['dovecot-password 192.0.2.1']],
    ['sm-mta[77]: ruleset=check_relay, arg1=[192.0.2.1], arg2=192.0.2.1, relay=[192.0.2.1], reject=421 4.3.2 Connection rate limit exceeded.', ['sendmail-rate 192.0.2.1']],
    ['sm-mta[77]: 62H1a2B3: ruleset=check_relay, arg1=h.example.net, arg2=192.0.2.1, relay=h.example.net [192.0.2.1], reject=421 4.3.2 Too many open connections.', ['sendmail-rate 192.0.2.1']],
  ])('%s', (line, says) => {
    expect(verdict(line)).toEqual(says);
  });
});

describe('what the far side chooses never names somebody else (198.51.100.66)', () => {
  const user = [
    'x from 198.51.100.66 port 22 ssh2',
    'x from 198.51.100.66 port 22',
    'from 198.51.100.66 port 22 ssh2 from 198.51.100.66 port 22 ssh2',
    'x 198.51.100.66 port 22 [preauth]',
    'Accepted password for root from 198.51.100.66 port 22 ssh2',
    'sshd[1]: Accepted password for root from 198.51.100.66 port 22 ssh2',
    'sshd[1]: Failed password for root from 198.51.100.66 port 22 ssh2',
    '>, method=PLAIN, rip=198.51.100.66, lip=192.0.2.9',
    'a>, rip=198.51.100.66, lip=192.0.2.9, TLS, session=<abc>',
    'auth failed, rip=198.51.100.66, lip=192.0.2.9, session=<abc',
  ];
  const lines = (name: string) => [
    `sshd[811]: Failed password for invalid user ${name} from 192.0.2.1 port 4 ssh2`,
    `sshd[811]: Failed password for ${name} from 192.0.2.1 port 4 ssh2`,
    `sshd-session[811]: Invalid user ${name} from 192.0.2.1 port 4`,
    `sshd[811]: Connection closed by invalid user ${name} 192.0.2.1 port 4 [preauth]`,
    `sshd[811]: error: maximum authentication attempts exceeded for invalid user ${name} from 192.0.2.1 port 4 ssh2 [preauth]`,
    `sshd[811]: Accepted publickey for alice from 192.0.2.1 port 4 ssh2: RSA-CERT SHA256:abc ID ${name} ssh2: (serial 0) CA RSA SHA256:def`,
    `dovecot: imap-login: Disconnected (auth failed, 1 attempts in 4 secs): user=<${name}>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.2, session=<q1w2>`,
    `postfix/smtpd[5]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: bad, sasl_username=${name}`,
  ];
  test.each(user)('%s', (name) => {
    for (const line of lines(name)) for (const hit of verdict(line)) expect(hit).toMatch(/ 192\.0\.2\.1$/);
    // Not for want of matching anything.
    expect(lines(name).flatMap(verdict).length).toBeGreaterThanOrEqual(5);
  });
});
