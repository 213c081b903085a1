import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../../packages/server/src/config/config-error.ts';
import { configJsonSchema } from '../../../../packages/server/src/config/json-schema.ts';
import { loadConfig } from '../../../../packages/server/src/config/load.ts';
import { configManual } from '../../../../packages/server/src/config/manual.ts';
import { writeConfig } from '../../../support/configs/load-text.ts';

const root = join(import.meta.dirname, '../../../..');
// A judge of its own: the validator that fastify brings along.
const fromServer = createRequire(join(root, 'packages/server/package.json'));
const { default: Ajv } = createRequire(fromServer.resolve('fastify'))('ajv') as { default: new (options: object) => { compile(schema: object): (value: unknown) => boolean } };
const yaml = fromServer('js-yaml') as { load(text: string): unknown };
const valid = new Ajv({ strict: false }).compile(configJsonSchema());

const rule = { target: 'A', badpatterns: ['x <ip>'] };
const base = { targets: { A: {} }, rules: { r: rule } };

describe('the JSON Schema', () => {
  test('accepts the configuration that banban comes with', () => {
    expect(valid(yaml.load(readFileSync(join(root, 'config/banban.yml'), 'utf8')))).toBe(true);
  });

  test.each<object>([
    {},
    { socket: '/x' },
    { socket: { path: '/x', owner: 'root', group: 4, mode: '0660' } },
    { socket: 5 },
    { socket: [] },
    { socket: { path: '/x', moed: '0660' } },
    { socket: { mode: '0090' } },
    { socket: { mode: true } },
    { database: '' },
    { database: '/x/' },
    { control: { socket: '/y', group: 'banban', mode: '660' } },
    { control: 'x' },
    { allowlist: ['192.0.2.1', '2001:db8::/32'] },
    { allowlist: null },
    { allowlist: ['localhost'] },
    { allowlist: '127.0.0.1' },
    { allowlist: ['self', 'home.example.org', 'HOME.example.org.', { file: '/etc/banban/allow.txt' }] },
    { allowlist: ['x.123'] },
    { allowlist: ['-a.example.org'] },
    { allowlist: [{ file: '/x/' }] },
    { allowlist: [{ file: '' }] },
    { allowlist: [{ path: '/x' }] },
    { allowlist: [{}] },
    { allowlist: [5] },
    { targets: { A: { ban: ['1h', '2h', 'forever'] } } },
    { targets: { A: { ban: [] } } },
    { targets: { A: { ban: 60, seconds: '3m' } } },
    { targets: { A: { ban: 0 } } },
    { targets: { A: { ban: '1h30' } } },
    { targets: { A: { ban: '1h 30m' } } },
    { targets: { A: {}, 'a/b': {} } },
    { targets: { A: {}, ['x'.repeat(28)]: {} } },
    { targets: [] },
    { firewall: { manage: true, remove_at_stop: true, hosts_deny: '/x' } },
    { firewall: { manage: 'yes' } },
    { firewall: { hosts_deny: '/x/' } },
    { firewall: null },
    { targets: { A: { backend: 'nftables' } } },
    { targets: { A: { backend: ['nftables', 'xt_recent'] } } },
    { targets: { A: { backend: ['nftables', 'nftables'] } } },
    { targets: { A: { backend: [] } } },
    { targets: { A: { backend: 'iptables' } } },
    { targets: { A: { backend: null } } },
    { targets: { A: { ports: 22 } } },
    { targets: { A: { ports: 'ssh' } } },
    { targets: { A: { ports: ['ssh', '22', '6000-6010', 'SMTP', 'pop-3', 'ms-sql-s'] } } },
    { targets: { A: { ports: 0 } } },
    { targets: { A: { ports: 65_536 } } },
    { targets: { A: { ports: '022' } } },
    { targets: { A: { ports: '22,25' } } },
    { targets: { A: { ports: [] } } },
    { targets: { A: { ports: new Array(16).fill(22) } } },
    { targets: { A: { ports: 22, protocol: ['tcp', 'udp'], action: 'reject' } } },
    { targets: { A: { ports: 22, protocol: 'icmp' } } },
    { targets: { A: { ports: 22, protocol: ['udp', 'udp'] } } },
    { targets: { A: { action: 'accept' } } },
    { targets: { A: { action: ['drop'] } } },
    { targets: { A: { ipv6_prefix: 64 } } },
    { targets: { A: { ipv6_prefix: 31 } } },
    { targets: { A: { ipv6_prefix: '64' } } },
    { targets: { A: { backend: 'ipset', network_after: 2 } } },
    { targets: { A: { backend: 'ipset', network_after: 1 } } },
    { targets: { A: { backend: 'command', command: { ban: ['/x', '{address}', 5, true], unban: ['/x', '{address}'], flush: ['/x'], timeout: '5s' } } } },
    { targets: { A: { backend: 'command', command: { ban: ['x', '{address}'], unban: ['/x', '{address}'] } } } },
    { targets: { A: { backend: 'command', command: { ban: [], unban: ['/x', '{address}'] } } } },
    { targets: { A: { backend: 'command', command: { ban: '/x {address}', unban: ['/x', '{address}'] } } } },
    { targets: { A: { backend: 'command', command: { ban: ['/x', '{address}', null], unban: ['/x', '{address}'] } } } },
    { targets: { A: { backend: 'command', command: { ban: ['/x', '{address}'] } } } },
    { targets: { A: { backend: 'command', command: { ban: ['/x', '{address}'], unban: ['/x', '{address}'], timeout: 0 } } } },
    { defaults: { occurrences: 1, interval: 1, memory: '1d' } },
    { defaults: { occurrences: 0 } },
    { defaults: { occurrences: 1.5 } },
    { defaults: { interval: 'forever' } },
    { defaults: { interval: '' } },
    { goodpatterns: ['a'] },
    { goodpatterns: [{ use: 'sshd' }] },
    { goodpatterns: 'a' },
    { rules: null },
    { rules: { r: { ...rule, occurrences: 5, interval: '1h', memory: 60, ban: 'forever', resetconns: true } } },
    { rules: { r: { ...rule, resetconns: 'yes' } } },
    { rules: { r: { badpatterns: ['x'] } } },
    { rules: { r: { ...rule, badpatterns: [] } } },
    { rules: { r: { ...rule, target: '-A' } } },
    { rules: { r: { ...rule, maxretry: 3 } } },
    { rules: [] },
    { sources: [] },
    { notify: null },
    { notify: [{ on: ['ban', 'error'], mail: 'root', every: '1h', smtp: 'localhost' }] },
    { notify: [{ on: 'ban', webhook: 'https://example.org/x', format: 'slack', targets: ['A'] }] },
    { notify: [{ on: 'ban', command: ['/x', '{address}'], at_most: 3 }] },
    { notify: [{ mail: 'root' }] },
    { notify: [{ on: 'bans', mail: 'root' }] },
    { notify: [{ on: 'ban', mail: 'root', at_most: 0 }] },
    { notify: [{ on: 'ban', mail: 'root', smtp: { port: 25 } }] },
    { notify: { on: 'ban', mail: 'root' } },
  ])('and banban agree about %j', (part) => {
    const document = { ...base, ...part };
    // JSON is YAML.
    const path = writeConfig(JSON.stringify(document));
    let accepted = true;
    try {
      loadConfig(path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      accepted = false;
    }
    expect(valid(document)).toBe(accepted);
  });
});

describe('the manual', () => {
  const manual = configManual();
  test('has every key that the schema has, once, with what it is for', () => {
    const keys = manual.map((entry) => entry.key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual([
      'socket', 'socket.path', 'socket.owner', 'socket.group', 'socket.mode', 'sources', 'sources[TYPE].type', 'sources[unix].path',
      'sources[unix].owner', 'sources[unix].group', 'sources[unix].mode', 'sources[unix].rules', 'sources[unix].goodpatterns',
      'sources[unix].silent_after', 'sources[file].path', 'sources[file].from', 'sources[file].rules', 'sources[file].goodpatterns',
      'sources[file].silent_after', 'sources[journal].units', 'sources[journal].matches', 'sources[journal].rules',
      'sources[journal].goodpatterns', 'sources[journal].silent_after', 'sources[syslog].listen', 'sources[syslog].protocol',
      'sources[syslog].allow', 'sources[syslog].rules', 'sources[syslog].goodpatterns', 'sources[syslog].silent_after', 'sources[stdin].rules',
      'sources[stdin].goodpatterns', 'sources[stdin].silent_after', 'database', 'control', 'control.socket', 'control.group', 'control.mode',
      'allowlist', 'keep', 'breaker', 'breaker.bans_a_minute', 'breaker.logins', 'breakin_after', 'guard', 'guard.sessions', 'guard.gateway',
      'guard.resolvers', 'firewall', 'firewall.manage', 'firewall.remove_at_stop', 'firewall.hosts_deny', 'targets', 'targets.NAME.backend',
      'targets.NAME.ban', 'targets.NAME.ports', 'targets.NAME.protocol', 'targets.NAME.action', 'targets.NAME.ipv6_prefix',
      'targets.NAME.network_after', 'targets.NAME.command', 'targets.NAME.command.ban', 'targets.NAME.command.unban',
      'targets.NAME.command.flush', 'targets.NAME.command.timeout', 'targets.NAME.seconds', 'defaults', 'defaults.occurrences',
      'defaults.interval', 'defaults.memory', 'defaults.levels', 'defaults.grace', 'defaults.usedns', 'goodpatterns', 'rules',
      'rules.NAME.target', 'rules.NAME.occurrences', 'rules.NAME.interval', 'rules.NAME.memory', 'rules.NAME.levels', 'rules.NAME.grace',
      'rules.NAME.usedns', 'rules.NAME.ban', 'rules.NAME.resetconns', 'rules.NAME.badpatterns', 'rules.NAME.counts', 'rules.NAME.of', 'lists',
      'lists.NAME.url', 'lists.NAME.file', 'lists.NAME.target', 'lists.NAME.ban', 'lists.NAME.refresh', 'lists.NAME.max_entries',
      'lists.NAME.shrink', 'lists.NAME.grow', 'lists.NAME.unfit', 'notify', 'notify[].on', 'notify[].mail', 'notify[].webhook',
      'notify[].command', 'notify[].every', 'notify[].at_most', 'notify[].targets', 'notify[].rules', 'notify[].whois', 'notify[].format',
      'notify[].from', 'notify[].smtp', 'notify[].smtp.host', 'notify[].smtp.port', 'notify[].smtp.security', 'notify[].smtp.user',
      'notify[].smtp.password_file', 'notify[].sendmail', 'notify[].timeout', 'notify[].name',
    ]);
    for (const { description } of manual) expect(description).toMatch(/^[^.]+(?:\.[^. ]+)*[^.]$/);
  });
  test('shows defaults as one would write them, and they are the ones that hold', () => {
    const defaults = Object.fromEntries(manual.flatMap(({ key, default: value }) => (value === undefined ? [] : [[key, value]])));
    expect(defaults).toEqual({
      'socket.path': '/run/banban/log.sock', 'socket.mode': '0660', 'sources[unix].path': '/run/banban/log.sock', 'sources[unix].mode': '0660',
      'sources[unix].goodpatterns': 'true', 'sources[file].from': 'end', 'sources[file].goodpatterns': 'true',
      'sources[journal].goodpatterns': 'true', 'sources[syslog].protocol': 'udp', 'sources[syslog].goodpatterns': 'true',
      'sources[stdin].goodpatterns': 'true', database: '/var/lib/banban/banban.db', 'control.socket': '/run/banban/control.sock',
      'control.mode': '0660', allowlist: '[127.0.0.0/8, ::1]', keep: '90d', 'breaker.bans_a_minute': '30000', 'breaker.logins': '5',
      breakin_after: '10', 'guard.sessions': 'true', 'guard.gateway': 'true', 'guard.resolvers': 'true', 'firewall.manage': 'false',
      'firewall.remove_at_stop': 'false', 'firewall.hosts_deny': '/etc/hosts.deny', 'targets.NAME.backend': 'xt_recent',
      'targets.NAME.ban': '48h', 'targets.NAME.protocol': 'tcp', 'targets.NAME.action': 'drop', 'targets.NAME.ipv6_prefix': '128',
      'targets.NAME.command.timeout': '10s', 'defaults.occurrences': '3', 'defaults.interval': '1h', 'defaults.memory': '90d',
      'defaults.levels': 'target', 'defaults.usedns': 'no', 'rules.NAME.resetconns': 'false', 'rules.NAME.counts': 'lines',
      'lists.NAME.ban': '72h', 'lists.NAME.refresh': '24h', 'lists.NAME.max_entries': '200000', 'lists.NAME.shrink': '50',
      'lists.NAME.grow': '300', 'lists.NAME.unfit': 'refuse', 'notify[].at_most': '10', 'notify[].whois': 'false',
      'notify[].smtp.security': 'starttls', 'notify[].sendmail': '/usr/sbin/sendmail', 'notify[].timeout': '30s',
    });
    const explicit = `socket: ${defaults.socket}\ndatabase: ${defaults.database}\ncontrol: { socket: ${defaults['control.socket']}, mode: ${defaults['control.mode']} }
allowlist: [127.0.0.0/8, '::1']\nfirewall: { manage: ${defaults['firewall.manage']}, remove_at_stop: ${defaults['firewall.remove_at_stop']}, hosts_deny: ${defaults['firewall.hosts_deny']} }
targets: { A: { backend: ${defaults['targets.NAME.backend']}, ban: ${defaults['targets.NAME.ban']}, action: ${defaults['targets.NAME.action']}, ipv6_prefix: ${defaults['targets.NAME.ipv6_prefix']} } }
defaults: { occurrences: ${defaults['defaults.occurrences']}, interval: ${defaults['defaults.interval']}, memory: ${defaults['defaults.memory']} }
rules: { r: { target: A, badpatterns: [x], resetconns: false } }\n`;
    const bare = 'targets: { A: {} }\nrules: { r: { target: A, badpatterns: [x] } }\n';
    const load = (text: string) => JSON.parse(JSON.stringify(loadConfig(writeConfig(text)).config, (key, value: unknown) => (key === 'place' || key === 'path' ? undefined : value))) as unknown;
    expect(load(explicit)).toEqual(load(bare));
  });
});
