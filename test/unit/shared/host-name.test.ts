import { parseHostName } from 'banban-shared';
import { expect, test } from 'vitest';

const label = 'a'.repeat(63);

test.each([
  ['home.example.org', 'home.example.org'],
  ['HOME.Example.ORG.', 'home.example.org'],
  ['a.b', 'a.b'],
  ['1.2.3.4.in-addr.arpa', '1.2.3.4.in-addr.arpa'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['0-0.example.com', '0-0.example.com'],
  [`${label}.${label}.${label}.${'a'.repeat(61)}`, `${label}.${label}.${label}.${'a'.repeat(61)}`],
])('%s is a host name', (text, name) => {
  expect(parseHostName(text)).toBe(name);
});

test.each([
  '', '.', '..', 'localhost', 'home.', '.example.org', 'home..example.org', 'home.example.org..', '-a.example.org', 'a-.example.org', 'a_b.example.org', '192.0.2.1', '192.0.2', '1.2.3.4.5', 'example.123',
  'example.org/24', 'user@example.org', 'example.org:22', ' example.org', 'example.org\n', 'exämple.org', 'a.b\0', `${label}a.example.org`, `${label}.${label}.${label}.${'a'.repeat(62)}`, `${'a.'.repeat(5000)}org`, '2001:db8::1', '*.example.org', '$(x).example.org',
])('%j is none', (text) => {
  expect(parseHostName(text)).toBeUndefined();
});
