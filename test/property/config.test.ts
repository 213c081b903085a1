import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from '../../packages/server/src/config/config-error.ts';
import { loadConfig } from '../../packages/server/src/config/load.ts';
import { scaled } from '../support/search.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Names that a configuration has, so that documents get past the first check, and names that JavaScript has. */
const name = fc.oneof(
  fc.constantFrom('socket', 'database', 'control', 'allowlist', 'targets', 'defaults', 'goodpatterns', 'rules', 'path', 'mode', 'group', 'ban', 'seconds', 'target', 'badpatterns', 'occurrences', 'interval', 'memory', 'resetconns', 'firewall', 'backend', 'ports', 'protocol', 'action', 'ipv6_prefix', 'network_after', 'command', 'A'),
  fc.constantFrom('blocktypes', 'ignorenets', 'patterns', 'minocc', '<<', '__proto__', 'constructor', 'toString', 'length', ''),
  fc.string({ maxLength: 8 }),
);
const value = fc.oneof(
  fc.constantFrom('A', 'nftables', 'command', 'ssh', '22-25', '{address}', '1h', 'forever', 'no', '0660', '10.0.0.0/8', '::/0', 'x <ip>', '/run/x', 0, 1, 660, -1, 1.5, true, false, null),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ maxLength: 200, unit: 'binary' }),
);
const several = fc.oneof(value, fc.array(value, { maxLength: 3 }));
const { document } = fc.letrec((tie) => ({
  document: fc.oneof({ maxDepth: 5, depthSize: 'medium' }, value, fc.array(tie('document'), { maxLength: 4 }), fc.array(fc.tuple(name, tie('document')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries))),
}));
/** The shape is right and the leaves are anything: what reaches the last checks. */
const shaped = fc.record(
  {
    socket: fc.oneof(value, fc.record({ path: value, owner: value, group: value, mode: value }, { requiredKeys: [] })),
    database: value,
    control: fc.record({ socket: value, group: value, mode: value }, { requiredKeys: [] }),
    allowlist: fc.array(value, { maxLength: 3 }),
    firewall: fc.record({ manage: value, remove_at_stop: value, hosts_deny: value }, { requiredKeys: [] }),
    targets: fc.dictionary(name, fc.record({ ban: several, seconds: value, backend: several, ports: several, protocol: several, action: value, ipv6_prefix: value, network_after: value, command: fc.record({ ban: several, unban: several, flush: several, timeout: value }, { requiredKeys: [] }) }, { requiredKeys: [] }), { maxKeys: 3 }),
    defaults: fc.record({ occurrences: value, interval: value, memory: value }, { requiredKeys: [] }),
    goodpatterns: fc.array(value, { maxLength: 3 }),
    rules: fc.dictionary(name, fc.record({ target: value, occurrences: value, interval: value, memory: value, ban: value, resetconns: value, badpatterns: fc.array(value, { maxLength: 3 }) }, { requiredKeys: [] }), { maxKeys: 3 }),
  },
  { requiredKeys: [] },
);
const original = fc.record(
  {
    socket: value,
    goodpatterns: fc.oneof(value, fc.array(value, { maxLength: 3 })),
    ignorenets: fc.oneof(value, fc.array(value, { maxLength: 3 })),
    targets: document,
    blocktypes: fc.oneof(
      document,
      fc.dictionary(name, fc.record({ target: value, minocc: value, interval: value, resetconns: value, patterns: fc.oneof(value, fc.array(value, { maxLength: 3 })) }, { requiredKeys: [] }), { maxKeys: 3 }),
    ),
  },
  { requiredKeys: ['blocktypes'] },
);

/** Loads or refuses; how many milliseconds it took. */
function judge(path: string, content: string | Uint8Array): number {
  writeFileSync(path, content);
  const began = performance.now();
  try {
    const { config, warnings } = loadConfig(path);
    expect(config.targets.length).toBeGreaterThan(0);
    expect(warnings.every((issue) => issue.severity === 'warning' && issue.message !== '')).toBe(true);
    for (const rule of config.rules) {
      expect(config.targets.map((target) => target.name)).toContain(rule.target);
      expect(rule.ban.length).toBeGreaterThan(0);
      expect(rule.badPatterns.length).toBeGreaterThan(0);
      expect(Number.isInteger(rule.occurrences) && rule.occurrences >= 1 && rule.interval >= 1000 && rule.memory >= 1000).toBe(true);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.issues.some((issue) => issue.severity === 'error' && issue.message !== '')).toBe(true);
    expect(error.message).not.toBe('');
    // Fit for a terminal, whatever the file holds.
    expect(error.message.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  }
  return performance.now() - began;
}

const SECOND = 1000;

test('any document loads or is refused with a reason, and quickly', { timeout: scaled(60 * SECOND) }, () => {
  const path = join(tempDir(), 'banban.yml');
  fc.assert(
    fc.property(fc.oneof(document, shaped, original), (content) => {
      expect(judge(path, JSON.stringify(content))).toBeLessThan(SECOND);
    }),
    { numRuns: scaled(1000) },
  );
});

test('so does any text, and any change to a good one', { timeout: scaled(60 * SECOND) }, () => {
  const path = join(tempDir(), 'banban.yml');
  const good = "targets: { A: &a { ban: [1h, forever] } }\nrules:\n  r: &r\n    target: A\n    <<: *a\n    badpatterns:\n      - 'x \\d <ip>$'\n      - ? y\nallowlist: [10.0.0.0/8, \"::1\"]\n# end\n";
  const piece = fc.oneof(fc.constantFrom('- ', '? ', ': ', '&a ', '*a', '<<: ', '{', '}', '[', ']', '\n', '\n  ', '\t', '!!str ', '!!int ', '!<?> ', '|\n', '>-\n', "'", '"', '---\n', '...\n', '%YAML 1.2\n', '#', '~', ','), fc.string({ maxLength: 5 }));
  fc.assert(
    fc.property(fc.oneof(fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')), fc.tuple(fc.nat(good.length), fc.nat(8), piece).map(([at, cut, put]) => good.slice(0, at) + put + good.slice(at + cut))), (text) => {
      expect(judge(path, text)).toBeLessThan(SECOND);
    }),
    { numRuns: scaled(1500) },
  );
});

test('and any bytes', () => {
  const path = join(tempDir(), 'banban.yml');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void judge(path, bytes)), { numRuns: scaled(1000) });
});

test.each([
  ['flow lists', '['],
  ['flow maps', '{a: '],
  ['block lists', '- '],
  ['explicit keys', '? '],
  ['anchors', '&a '],
  ['aliases', '&a [*a, '],
  ['tags', '!!str '],
  ['quotes', '"\\"'],
  ['keys', 'a: '],
  ['lines of keys', 'a:\n'],
  ['block scalars', '|\n'],
  ['document marks', '---\n'],
  ['spaces', ' '],
  ['new lines', '\n'],
  ['comments', '#\n'],
  ['commas', ',,'],
  ['keys with properties', '&x a: &y b\n'],
])('half a mebibyte of %s takes seconds at most', { timeout: 30 * SECOND }, (_, unit) => {
  const path = join(tempDir(), 'banban.yml');
  expect(judge(path, unit.repeat(Math.floor(524_288 / unit.length)))).toBeLessThan(10 * SECOND);
  expect(judge(path, `targets: ${unit.repeat(Math.floor(524_288 / unit.length))}`)).toBeLessThan(10 * SECOND);
});
