/**
 * I9: an address comes only from where the service itself wrote it. Whatever the far side chooses for its user name, its
 * name in the DNS or its offer, the patterns of config/banban.yml name nobody but the far side itself.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newEntry } from '../../packages/server/src/syslog/entry.ts';
import { unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import { defaultPolicy } from '../support/default-policy.ts';
import { scaled } from '../support/search.ts';
import { lineHeads, rfc5424Line, serviceLines, taggedLine, type ServiceLine } from '../support/service-lines.ts';

const policy = defaultPolicy();

/** `good`, or the names of the rules that the line counts in, each with the address that it names. */
function verdict(line: string): { readonly by: string; readonly address: string }[] {
  const bytes = Buffer.from(line);
  const entry = newEntry();
  parseLine(bytes, 0, unescapeTabs(bytes, 0, bytes.length), entry);
  const { good, hits } = policy.matcher.match(entry);
  return good === undefined ? hits.map((hit) => ({ by: policy.rules[hit.rule]?.config.name ?? '', address: hit.address })) : [{ by: 'good', address: good.address }];
}

/** Addresses of others, whom the far side would like to see banned or pardoned. */
const victim = fc.constantFrom('198.51.100.66', '2001:db8:dead::66', '::ffff:198.51.100.66', '127.0.0.1', '::1');
/** What services write, as somebody who has read banban's patterns would put it into a name. */
const bait = fc.oneof(
  victim,
  fc.tuple(fc.constantFrom(...serviceLines), victim, fc.constantFrom('x', 'root', '')).map(([service, v, x]) => taggedLine(service, x, v)),
  fc.tuple(fc.constantFrom(...serviceLines), victim, fc.constantFrom('x', 'root', '')).map(([service, v, x]) => service.message(x, v)),
  victim.chain((v) => fc.constantFrom(` from ${v}`, ` from ${v} port 22`, ` from ${v} port 22 ssh2`, ` ${v} port 22 [preauth]`, `rip=${v}, lip=${v}`, `>, method=PLAIN, rip=${v}, lip=${v}, session=<abc>`, `>, rip=${v}, lip=${v}, TLS`, `[${v}]`, `x[${v}]: SASL LOGIN authentication failed`, `, arg2=${v}, relay=`, `${v}.example.net`, `: ${v}`)),
  fc.constantFrom('sshd[1]: ', 'dovecot: ', 'Mar  3 03:00:00 host ', '<38>', '1 - host sshd 1 - - ', 'auth failed, ', ', session=<', ', TLS', 'user=<', '>', '<', ': ', ', ', ' ', '  ', '\t', '#011', '#012', '\r', '\0', '\x1b', '"', "'", '\\', '[', ']', '(', ')', '=', 'ssh2', ' port 22', 'ä', '\u2028', 'x'.repeat(60)),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
// A line feed is what no service lets a name hold: it would be a line of its own.
const text = fc.array(bait, { maxLength: 6 }).map((parts) => parts.join('').replaceAll('\n', ' '));
const word = text.map((t) => t.replace(/\s+/g, '-') || 'x');
const dns = fc.array(fc.oneof(fc.constantFrom('198.51.100.66', '198-51-100-66', 'example', 'net', 'a', '0', '_x', 'rip', 'from', 'x--y'), fc.stringMatching(/^[-_a-z0-9]{1,12}$/)), { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const chosenFor = { text, word, dns } as const;

const own = fc.constantFrom('192.0.2.1', '2001:db8::1');
const attempt = fc.constantFrom(...serviceLines).chain((service) => fc.record({ service: fc.constant(service), chosen: chosenFor[service.chooses], address: own, head: fc.constantFrom(...lineHeads, undefined) }));

const written = (service: ServiceLine, chosen: string, address: string, head: string | undefined): string => (head === undefined ? rfc5424Line(service, chosen, address) : head + taggedLine(service, chosen, address));

test('every service line counts where it should when nothing is forged', () => {
  for (const service of serviceLines) {
    for (const head of [...lineHeads, undefined]) {
      for (const address of ['192.0.2.1', '2001:db8::1']) {
        const line = written(service, 'host.example.net', address, head);
        expect(verdict(line), line).toEqual(service.counts === undefined ? [] : [{ by: service.counts, address }]);
      }
    }
  }
});

test('whatever the far side chooses, nobody else is named', { timeout: scaled(120_000) }, () => {
  const counted = new Map<string, number>();
  fc.assert(
    fc.property(attempt, ({ service, chosen, address, head }) => {
      const line = written(service, chosen, address, head);
      for (const { by, address: named } of verdict(line)) {
        counted.set(by, (counted.get(by) ?? 0) + 1);
        expect(named, line).toBe(address);
        expect(service.counts, line).toBeDefined();
      }
    }),
    { numRuns: scaled(30_000) },
  );
  // Not for want of matching anything.
  for (const name of new Set(serviceLines.flatMap(({ counts }) => counts ?? []))) expect(counted.get(name) ?? 0, name).toBeGreaterThan(200);
});

test('nobody gets out of being counted by the name that they choose, where the service puts no limit to it', () => {
  const freely = serviceLines.filter(({ counts, chooses }) => counts !== undefined && counts !== 'good' && chooses === 'text');
  fc.assert(
    fc.property(fc.constantFrom(...freely), text, own, fc.constantFrom(...lineHeads, undefined), (service, chosen, address, head) => {
      const line = written(service, chosen, address, head);
      expect(verdict(line), line).toContainEqual({ by: service.counts, address });
    }),
    { numRuns: scaled(20_000) },
  );
});
