import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadText, MINIMAL, problemsOf, warningsOf } from '../../../support/configs/load-text.ts';

const withNotify = (text: string): string => `${MINIMAL}notify:\n${text}\n`;
const receivers = (text: string) => loadText(withNotify(text)).config.notify;

describe('a receiver', () => {
  test('is told by sendmail, at once and at most ten times an hour, unless it says otherwise', () => {
    expect(receivers('  - { on: [ban, error], mail: root@localhost }')).toEqual([
      { name: 'mail root@localhost', on: ['ban', 'error'], way: { kind: 'mail', to: 'root@localhost', from: undefined, smtp: undefined, sendmail: '/usr/sbin/sendmail' }, every: undefined, atMost: 10, targets: undefined, rules: undefined, whois: false, timeout: 30_000 },
    ]);
  });

  test('has all that it says', () => {
    expect(receivers(`
  - { on: ban, mail: a.b+c@example.org, from: banban@example.org, every: 1h, at_most: 3, targets: [BLOCKER], rules: [probe], whois: true, timeout: 5s, name: admins, smtp: { host: mail.example.org, security: tls, user: banban, password_file: run/password } }
  - { on: stop, mail: root, smtp: mail.example.org }
  - { on: start, webhook: 'https://hooks.example.org/x/secret?y#z', format: slack }
  - { on: list, webhook: 'http://[::1]:8080' }
  - { on: unban, command: [/usr/local/bin/told, '{address}', 5] }`)).toMatchObject([
      { name: 'admins', every: 3_600_000, atMost: 3, targets: new Set(['BLOCKER']), rules: new Set(['probe']), whois: true, timeout: 5000, way: { to: 'a.b+c@example.org', from: 'banban@example.org', smtp: { host: 'mail.example.org', port: 465, security: 'tls', user: 'banban', passwordFile: join(process.cwd(), 'run/password') } } },
      { name: 'mail root', way: { smtp: { host: 'mail.example.org', port: 587, security: 'starttls', user: undefined, passwordFile: undefined } } },
      { name: 'webhook hooks.example.org', way: { kind: 'webhook', url: 'https://hooks.example.org/x/secret?y', format: 'slack' } },
      { name: 'webhook [::1]:8080', way: { kind: 'webhook', url: 'http://[::1]:8080/', format: 'generic' } },
      { name: 'command /usr/local/bin/told', way: { kind: 'command', words: ['/usr/local/bin/told', '{address}', '5'] } },
    ]);
  });
});

describe('refused, with line and key:', () => {
  test.each<[string, string, RegExp]>([
    ['nobody is told', '{ on: ban }', /^7: notify\[0\]: says nobody who is told; add mail:/],
    ['two are told in one', '{ on: ban, mail: root, command: [/x] }', /^7: notify\[0\]: has mail and command; make an entry of each$/],
    ['of nothing', '{ mail: root }', /^7: notify\[0\]\.on: is missing: what it is told of/],
    ['of what there is not', '{ on: [bann], mail: root }', /^7: notify\[0\]\.on\[0\]: found the text "bann", wanted .*; did you mean ban\?$/],
    ['a header in an address', '{ on: ban, mail: "root@localhost\\r\\nBcc: x@example.org" }', /^7: notify\[0\]\.mail: .*line break/],
    ['an option for an address', '{ on: ban, mail: -oQ/tmp }', /^7: notify\[0\]\.mail: found the text "-oQ\/tmp", wanted one mail address/],
    ['two addresses', "{ on: ban, mail: 'a@example.org, b@example.org' }", /^7: notify\[0\]\.mail: found the text .*wanted one mail address/],
    ['a bad sender', '{ on: ban, mail: root, from: "x <y@z>" }', /^7: notify\[0\]\.from: found/],
    ['no URL', '{ on: ban, webhook: hooks.example.org }', /^7: notify\[0\]\.webhook: is not a URL that begins with https:\/\/ or http:\/\/$/],
    ['another scheme', "{ on: ban, webhook: 'file:///etc/passwd' }", /^7: notify\[0\]\.webhook: is not a URL that begins/],
    ['a format for mail', '{ on: ban, mail: root, format: slack }', /^7: notify\[0\]\.format: is only for webhook, and this receiver is a mail$/],
    ['smtp for a command', '{ on: ban, command: [/x], smtp: localhost }', /^7: notify\[0\]\.smtp: is only for mail/],
    ['whois in a chat', "{ on: ban, webhook: 'https://example.org', format: discord, whois: true }", /^7: notify\[0\]\.whois: is too long for a message of discord/],
    ['a user without a password', '{ on: ban, mail: root, smtp: { host: mail.example.org, user: x } }', /^7: notify\[0\]\.smtp\.user: needs password_file beside it/],
    ['a password without a user', '{ on: ban, mail: root, smtp: { host: mail.example.org, password_file: x } }', /^7: notify\[0\]\.smtp\.password_file: needs user beside it/],
    ['a password for everybody to read', '{ on: ban, mail: root, smtp: { host: mail.example.org, user: x, password_file: x, security: none } }', /^7: notify\[0\]\.smtp\.security: can’t be none with a user/],
    ['no mail server', "{ on: ban, mail: root, smtp: { host: 'a b' } }", /^7: notify\[0\]\.smtp\.host: found the text "a b", wanted the name or address of a mail server$/],
    ['a word that stands for nothing', "{ on: ban, command: [/x, '{adress}'] }", /^7: notify\[0\]\.command: has \{adress\}, and only /],
    ['a program without a path', '{ on: ban, command: [x] }', /^7: notify\[0\]\.command: .*whole path/],
    ['a target that is not there', '{ on: ban, mail: root, targets: [BLOKER] }', /^7: notify\[0\]\.targets\[0\]: there is no target BLOKER; did you mean BLOCKER\?$/],
    ['a rule that is not there', '{ on: ban, mail: root, rules: [prob] }', /^7: notify\[0\]\.rules\[0\]: there is no rule prob; did you mean probe\?$/],
    ['a digest of no time', '{ on: ban, mail: root, every: 1s }', /^7: notify\[0\]\.every: .*at least 10s$/],
    ['a word of elsewhere', '{ on: ban, destemail: root }', /^7: notify\[0\].*mail/],
  ])('%s', (_what, text, problem) => {
    expect(problemsOf(withNotify(`  - ${text}`))[0]).toMatch(problem);
  });

  test('a receiver that is written wrongly is not also said to be absent', () => {
    expect(problemsOf(withNotify('  - { on: ban, command: tell }'))).toEqual([expect.stringMatching(/^7: notify\[0\]\.command: found the text "tell"/)]);
  });

  test('and a URL is never shown, because it is a secret', () => {
    expect(problemsOf(withNotify("  - { on: ban, webhook: 'htp://hooks.example.org/secret' }")).join()).not.toContain('secret');
    expect(warningsOf(withNotify("  - { on: ban, webhook: 'http://hooks.example.org/secret' }")).join()).not.toContain('secret');
  });
});

test('warned of: a webhook over http, and STARTTLS on this machine', () => {
  expect(warningsOf(withNotify("  - { on: ban, webhook: 'http://hooks.example.org/secret' }\n  - { on: ban, webhook: 'http://127.0.0.1:8080/' }"))).toEqual([expect.stringMatching(/^7: warning: notify\[0\]\.webhook: is http, /)]);
  expect(warningsOf(withNotify('  - { on: ban, mail: root, smtp: localhost }'))).toEqual([expect.stringMatching(/STARTTLS .* smtp: \{ host: localhost, security: none \}$/)]);
  expect(warningsOf(withNotify('  - { on: ban, mail: root, smtp: { host: localhost, security: none } }'))).toEqual([]);
});
