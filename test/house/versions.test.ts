/** One version everywhere, dependencies that run on the oldest Node that is promised, and no install script that is not needed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../packages/server/src/version.ts';
import { read, root } from '../support/house-files.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines?: { readonly node?: string };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const yaml = createRequire(join(root, 'packages/server/package.json'))('js-yaml') as { load(text: string): unknown };
const manifest = (path: string): Manifest => JSON.parse(read(path)) as Manifest;

describe('the version', () => {
  const { version } = manifest('package.json');

  test.each(['shared', 'server', 'client'])('of packages/%s is the project’s', (name) => {
    expect(manifest(`packages/${name}/package.json`).version, 'the four packages are released as one').toBe(version);
  });

  test('that banband says is the project’s', () => {
    expect(VERSION, 'people report faults by it').toBe(version);
  });

  test('that CHANGELOG.md begins with is the project’s, or is yet to come', () => {
    const headings = [...read('CHANGELOG.md').matchAll(/^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$/gm)].map(([, name, date]) => ({ name, date }));
    const released = headings[0]?.name === 'Unreleased' ? headings.slice(1) : headings;
    expect(released[0]?.name, 'what is released is written down').toBe(version);
    for (const { name, date } of released) expect(date, `${name} has its day`).toBeDefined();
  });
});

/** `20.19.0` as a number that can be compared. */
const order = (version: string): number => version.split('.').reduce((sum, part, i) => sum + Number(part) * 1e4 ** (2 - i), 0);

/** Whether a range of package.json's `engines` takes a version. Knows what occurs there: `>=a`, `>=a <b`, `^a`, `~a`, `a.x`, `*`, `||`. */
function takes(range: string, version: string): boolean {
  const simple = (one: string): boolean => {
    const [, sign = '', text = ''] = /^(>=|<=|>|<|\^|~|=)?v?([\dxX*.]+)$/.exec(one) ?? [];
    if (text === '') throw new Error(`this is no range that is known here: ${range}`);
    const parts = text.split('.').filter((part) => /^\d+$/.test(part));
    const least = order(parts.join('.'));
    const at = order(version);
    if (sign === '>=') return at >= least;
    if (sign === '>') return at > least;
    if (sign === '<=') return at <= least;
    if (sign === '<') return at < least;
    // As many leading parts as have to be the same.
    const same = sign === '^' ? 1 : sign === '~' ? Math.min(2, parts.length) : parts.length;
    return at >= least && parts.slice(0, same).join('.') === version.split('.').slice(0, same).join('.');
  };
  return range.split('||').some((choice) => choice.trim().replace(/([<>=^~]) +/g, '$1').split(/\s+/).every(simple));
}

describe('the oldest Node', () => {
  const oldest = /^>=(\d+\.\d+\.\d+)$/.exec(manifest('package.json').engines?.node ?? '')?.[1] ?? '';
  const { packages } = yaml.load(read('pnpm-lock.yaml')) as { packages: Record<string, { engines?: { node?: string } }> };

  test('is the one that README.md and CONTRIBUTING.md name', () => {
    const short = oldest.replace(/\.0$/, '');
    for (const document of ['README.md', 'CONTRIBUTING.md']) expect(read(document), document).toContain(`Node ${short} or newer`);
    expect(read('scripts/run.mjs')).toContain(`OLDEST_NODE = [${short.replace('.', ', ')}]`);
  });

  /** Packages that ask for more, and why that does no harm. */
  const harmless = [
    // Of light-my-request, which fastify loads when `inject` is called: tests here ask over the real socket (see below).
    'cookie@2.0.2',
  ];

  test('is enough for every dependency', () => {
    const demanding = Object.entries(packages).filter(([, { engines }]) => engines?.node !== undefined && !takes(engines.node, oldest));
    expect(demanding.map(([name]) => name), `they would not run on Node ${oldest}, which is promised`).toEqual(harmless);
  });

  test('is enough for fastify without what its inject loads', () => {
    const fastify = createRequire(join(root, 'packages/server/package.json')).resolve('fastify');
    const lines = readFileSync(fastify, 'utf8').split('\n').filter((line) => line.includes(`require('light-my-request')`));
    expect(lines).toHaveLength(1);
    expect(lines[0], 'fastify loads it at its start now, and with it a cookie that asks for Node 22').toMatch(/^\s+/);
  });

  test.each([
    ['>=20', true], ['>= 12.0.0', true], ['^20.17.0 || >=22.9.0', true], ['^20.19.0 || >=22.12.0', true], ['20.x || 22.x', true], ['6.* || >= 10.*', true], ['*', true],
    ['>=22', false], ['>=20.19.1', false], ['^18.0.0', false], ['^22.0.0 || >=24', false], ['>=12 <20', false], ['~20.18.0', false], ['18.x', false],
  ])('%s: %s for 20.19.0', (range, answer) => {
    expect(takes(range, '20.19.0')).toBe(answer);
  });
});

describe('scripts at install', () => {
  const { onlyBuiltDependencies: allowed } = yaml.load(read('pnpm-workspace.yaml')) as { onlyBuiltDependencies: string[] };

  /** The packages that are installed, each by its folder. */
  const installed = readdirSync(join(root, 'node_modules/.pnpm')).flatMap((entry) => {
    const path = /^(@[^+@]+\+)?[^@+]+@/.test(entry) ? `node_modules/.pnpm/${entry}/node_modules/${entry.replace(/^(@?[^@]+)@.*$/, '$1').replace('+', '/')}` : '';
    return path !== '' && existsSync(join(root, path, 'package.json')) ? [path] : [];
  });

  /** pnpm runs these, and builds what has a binding.gyp even if it says nothing. */
  const builds = (path: string): boolean => {
    const { scripts = {} } = manifest(`${path}/package.json`);
    return ['preinstall', 'install', 'postinstall'].some((name) => scripts[name] !== undefined) || existsSync(join(root, path, 'binding.gyp'));
  };

  test('are allowed to the packages that need them, and to no other', () => {
    expect(installed.length).toBeGreaterThan(100);
    const needing = new Set(installed.filter(builds).map((path) => manifest(`${path}/package.json`).name));
    expect([...needing].sort(), 'what runs at install runs as the admin: pnpm-workspace.yaml names each, and none that is gone').toEqual([...allowed].sort());
  });

  test('are ours alone where they are native: each of them is a dependency of the server', () => {
    const ours = Object.keys(manifest('packages/server/package.json').dependencies ?? {});
    expect(allowed.filter((name) => !ours.includes(name)), 'esbuild is there for the build').toEqual(['esbuild']);
  });
});
