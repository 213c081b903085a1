/** The files of config/: all there, all named in the README, and all of one mind about names and places. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_CONFIG, DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE, DEFAULT_LOG_SOCKET } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../packages/server/src/config/load.ts';
import { packFolders, packLibrary } from '../../packages/server/src/config/packs.ts';
import { compilePolicy } from '../../packages/server/src/engine/policy.ts';
import { loadText } from '../support/configs/load-text.ts';
import { filesBelow, read, root } from '../support/house-files.ts';

const readme = read('README.md');
const packs = packLibrary(packFolders(undefined));
const section = (title: string): string => readme.split(/^(?=## )/m).find((part) => part.startsWith(`## ${title}\n`)) ?? '';
/** The values of a key in a unit. */
const values = (unit: string, key: string): string[] => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1] ?? '');

/** Packs have tests of their own. */
const files = filesBelow('config').filter((file) => !file.startsWith('config/packs/')).sort();

describe('config/', () => {
  test('has what an admin needs, and nothing else', () => {
    expect(files, 'a new file says here what it is for, by its folder').toEqual([
      'config/banban.yml',
      'config/firewall/ip6tables.rules',
      'config/firewall/iptables.rules',
      'config/rsyslog/30-banban.conf',
      'config/syslog-ng/banban.conf',
      'config/systemd/banband.service',
      'config/sysusers/banban.conf',
      'config/tmpfiles/banban.conf',
    ]);
  });

  test.each(files)('%s says what it is, and the README speaks of it', (file) => {
    const text = read(file);
    expect(text).toMatch(/^(?:# \S|\[Unit\]\nDescription=)/);
    const named = file === 'config/firewall/ip6tables.rules' ? 'ip6tables.rules' : file;
    expect(readme, 'a file that the README does not mention is found by nobody').toContain(named);
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).not.toMatch(/[ \t]$|\t/m);
  });

  test('has every file that README.md names', () => {
    const named = [...readme.matchAll(/\bconfig\/[\w./-]*\w/g)].map((match) => match[0]);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('banban.yml', () => {
  const { config, warnings } = loadConfig(join(root, 'config/banban.yml'));

  test('loads without a warning, and every rule of it can be used', () => {
    expect(warnings, 'what everybody begins with has to be beyond reproach').toEqual([]);
    expect(compilePolicy(config, packs).issues).toEqual([]);
    expect(config.rules.length).toBeGreaterThan(0);
  });

  test('shows the places that hold without it', () => {
    const text = read('config/banban.yml');
    for (const place of [DEFAULT_LOG_SOCKET, DEFAULT_DATABASE, DEFAULT_CONTROL_SOCKET]) expect(text).toContain(place);
    expect([config.sources.map(({ type, path }) => `${type} ${path}`), config.database, config.control.socket]).toEqual([[`unix ${DEFAULT_LOG_SOCKET}`], DEFAULT_DATABASE, DEFAULT_CONTROL_SOCKET]);
  });

  test('loads with all its suggestions, too', () => {
    // `#key: …` and `#- item` are settings to be switched on; `# words` are words.
    const everything = read('config/banban.yml').replace(/^( *)#(?=\S)/gm, '$1');
    const all = loadText(everything);
    expect(all.warnings, 'taking a # away must never break the file').toEqual([]);
    expect(compilePolicy(all.config, packs).issues).toEqual([]);
    expect(all.config.rules.length).toBeGreaterThan(config.rules.length);
    expect(all.config.sources[0]).toMatchObject({ type: 'unix', group: 'syslog' });
  });

  test.each(['iptables', 'ip6tables'])('and firewall/%s.rules name the same targets, before anything is let in', (program) => {
    const rules = read(`config/firewall/${program}.rules`);
    const loaded = rules.split('\n').filter((line) => line.startsWith('-A INPUT '));
    const advised = rules.split('\n').flatMap((line) => new RegExp(`^# +${program} -I (INPUT) \\d+ (.*)$`).exec(line)?.[2] ?? []);
    const targets = config.targets.map((target) => `-m recent --name ${target.name} --rcheck -j DROP`);
    expect(loaded.map((line) => line.slice('-A INPUT '.length)), 'a target without its rule bans nobody; a rule after ESTABLISHED cuts nobody').toEqual([
      '-i lo -j ACCEPT', ...targets, '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ]);
    expect(advised, 'what its comment advises is what it does').toEqual(['-i lo -j ACCEPT', ...targets]);
  });
});

describe('rsyslog and syslog-ng', () => {
  // That README.md shows these files word for word is tested in documents.test.ts.
  test.each(['config/rsyslog/30-banban.conf', 'config/syslog-ng/banban.conf'])('%s sends to the socket that banband opens', (file) => {
    const sockets = new Set(read(file).match(/\/run\/[\w./-]+/g));
    expect([...sockets], 'a line sent elsewhere is lost for ever').toEqual([DEFAULT_LOG_SOCKET]);
  });
});

describe('the service', () => {
  const unit = read('config/systemd/banband.service');
  const checkout = /^cd (\/\S+) && npm start/m.exec(section('Install it as a service'))?.[1] ?? '';

  test('starts banband with options that it has', () => {
    const [program = '', ...words] = (values(unit, 'ExecStart')[0] ?? '').split(' ');
    expect(section('Install it as a service'), 'the README puts it there').toContain(` ${program}\n`);
    const help = section('banband');
    const options = words.filter((word) => word.startsWith('-'));
    for (const option of options) expect(help, `banband has ${option}`).toMatch(new RegExp(`^ +(?:-\\w, +)?${option}\\b`, 'm'));
    expect(words).toEqual(['--config', DEFAULT_CONFIG, '-f']);
  });

  test('names documentation that is there', () => {
    const places = values(unit, 'Documentation').flatMap((line) => line.split(' '));
    const file = (uri: string): string => {
      const [, page, part] = /^man:([\w-]+)\((\d)\)$/.exec(uri) ?? [];
      return page === undefined ? uri.replace(`file:${checkout}/`, '') : `docs/man/${page}.${part}`;
    };
    expect(places.length).toBeGreaterThan(0);
    expect(places.filter((uri) => !existsSync(join(root, file(uri)))), 'systemctl status shows it to whoever is in trouble').toEqual([]);
  });

  test('is not started again after the codes with which banband says that it would be in vain', () => {
    const text = section('Exit codes');
    const codes = values(unit, 'RestartPreventExitStatus')[0]?.split(' ') ?? [];
    expect(codes).toEqual(['2', '78']);
    for (const code of codes) expect(text).toMatch(new RegExp(`^\\| banband \\| ${code} \\|`, 'm'));
  });

  test('may write where its files are, and tmpfiles has the same folders with the same modes', () => {
    const made = [
      `d /run/${values(unit, 'RuntimeDirectory')[0]} ${values(unit, 'RuntimeDirectoryMode')[0]} root root -`,
      `d /var/lib/${values(unit, 'StateDirectory')[0]} ${values(unit, 'StateDirectoryMode')[0]} root root -`,
    ];
    expect(read('config/tmpfiles/banban.conf').split('\n').filter((line) => /^\w/.test(line))).toEqual(made);
    const folders = made.map((line) => line.split(' ')[1]);
    for (const place of [DEFAULT_LOG_SOCKET, DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE]) {
      expect(folders, `${place} is in a folder that the unit makes`).toContain(place.slice(0, place.lastIndexOf('/')));
    }
  });

  test('has the group that banban.yml and README.md speak of', () => {
    const group = /^g (\S+) -$/m.exec(read('config/sysusers/banban.conf'))?.[1];
    expect(group).toBe('banban');
    expect(read('config/banban.yml')).toContain(`#control: { socket: ${DEFAULT_CONTROL_SOCKET}, group: ${group},`);
    expect(readme).toContain(`usermod -aG ${group} `);
  });
});
