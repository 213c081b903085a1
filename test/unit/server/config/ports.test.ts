import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { portsOf } from '../../../../packages/server/src/config/ports.ts';

describe('ports', () => {
  test.each([
    ['ssh', 22, 22],
    ['SSH', 22, 22],
    ['pop-3', 110, 110],
    ['1', 1, 1],
    ['65535', 65_535, 65_535],
    ['6000-6010', 6000, 6010],
    ['6000:6010', 6000, 6010],
    ['22-22', 22, 22],
  ])('%s', (text, first, last) => {
    expect(portsOf(text)).toEqual({ first, last });
  });
  test.each(['', '0', '00', '022', '65536', '99999', '100000', '-1', '1-', '-', '2-1', '0-5', '1-65536', '1 - 2', ' 22', '22 ', '22\n', '0x16', '2e1', '22/tcp', 'nobody', 'constructor', '22,25', '１'])('%j is none', (text) => {
    expect(portsOf(text)).toBeUndefined();
  });
  test('have the names that this machine knows them by', () => {
    const known = new Map<string, number>();
    for (const line of readFileSync('/etc/services', 'utf8').split('\n')) {
      const [, name, port, aliases = ''] = /^([\w-]+)\s+(\d+)\/tcp\s*([^#]*)/.exec(line) ?? [];
      for (const each of name === undefined ? [] : [name, ...aliases.trim().split(/\s+/)]) known.set(each, Number(port));
    }
    const asked = ['ftp', 'ssh', 'telnet', 'smtp', 'domain', 'http', 'pop3', 'pop-3', 'imap2', 'ldap', 'https', 'submissions', 'submission', 'ldaps', 'imaps', 'pop3s', 'openvpn', 'ms-sql-s', 'mysql', 'ms-wbt-server', 'sieve', 'sip', 'xmpp-client', 'xmpp-server', 'postgresql', 'redis', 'webmin'];
    const differ = asked.filter((name) => known.has(name) && portsOf(name)?.first !== known.get(name));
    expect(differ).toEqual([]);
    for (const name of asked) expect(portsOf(name), name).toBeDefined();
  });
});
