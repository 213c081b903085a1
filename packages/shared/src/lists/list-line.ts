/**
 * One line of a list of addresses, in any of the forms in which people pass such lists on: plain addresses and networks, ranges, rules of
 * TCP wrappers (hosts_access(5)), and objects of JSON. Comments are gone already.
 */
import { addressBytes, familyOf, parseAddress, parsePrefix, prefixOf, type Address, type Prefix } from '../address.ts';
import { addressOf, numberOf, widthOf } from './address-number.ts';
import { readExportedJson, type ExportedBan } from './exported-ban.ts';

/** What one line names. `ban` is there where banban itself has written it. */
export interface ListEntry {
  readonly prefix: Prefix;
  readonly ban: ExportedBan | undefined;
}

/**
 * A rule of TCP wrappers: daemons, a colon, clients, and perhaps another colon with options. An address of IPv6 was tried before. No part can
 * take what another may: a line of blanks must not be tried in all ways.
 */
const WRAPPERS_RULE = /^[A-Za-z][\w@.\-, \t]*:(.+)$/s;
/** Addresses in a rule of TCP wrappers. */
const MOST_CLIENTS = 256;

/** The fewest networks that are exactly the addresses from `first` to `last`: at most 62 of IPv4, 254 of IPv6. Undefined when it is no range. */
export function networksBetween(first: Address, last: Address): Prefix[] | undefined {
  const family = familyOf(first);
  if (family !== familyOf(last)) return undefined;
  const end = numberOf(last);
  const networks: Prefix[] = [];
  const width = widthOf(family);
  for (let at = numberOf(first), host = 0; at <= end; ) {
    // As wide as it may be from here without going beyond the end: first wider and wider, then narrower and narrower.
    while (host < width && (at >> BigInt(host)) % 2n === 0n && at + (2n << BigInt(host)) - 1n <= end) host++;
    while (host > 0 && at + (1n << BigInt(host)) - 1n > end) host--;
    networks.push(prefixOf(addressOf(at, family), width - host));
    at += 1n << BigInt(host);
  }
  return networks.length === 0 ? undefined : networks;
}

/** The bits of a netmask; undefined where it is none. */
function bitsOfMask(mask: Address): number | undefined {
  if (familyOf(mask) === 6) return undefined;
  const text = addressBytes(mask).map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(text) ? text.lastIndexOf('1') + 1 : undefined;
}

/** An address, or a network as address/bits or address/netmask. */
function oneNetwork(text: string): Prefix | undefined {
  const prefix = parsePrefix(text);
  const slash = text.indexOf('/');
  if (prefix !== undefined || slash <= 0) return prefix;
  const mask = parseAddress(text.slice(slash + 1));
  const bits = mask === undefined ? undefined : bitsOfMask(mask);
  return bits === undefined ? undefined : parsePrefix(`${text.slice(0, slash)}/${bits}`);
}

/** The same, or a range. */
function networksOf(text: string): Prefix[] | undefined {
  const network = oneNetwork(text);
  if (network !== undefined) return [network];
  const [from = '', to, more] = text.split('-');
  if (to === undefined || more !== undefined) return undefined;
  const first = parseAddress(from.trim());
  const last = parseAddress(to.trim());
  return first === undefined || last === undefined ? undefined : networksBetween(first, last);
}

/** One client of TCP wrappers: IPv6 stands in brackets, and an IPv4 network may be `192.0.2.`. They know no ranges. */
function networkOfClient(client: string): Prefix | undefined {
  const [, ipv6, bits = ''] = /^\[([0-9A-Fa-f:.]+)\](\/\d{1,3})?$/.exec(client) ?? [];
  if (ipv6 !== undefined) return oneNetwork(ipv6 + bits);
  if (/^(?:\d{1,3}\.){1,3}$/.test(client)) {
    const octets = client.split('.').filter((octet) => octet !== '');
    return oneNetwork(`${[...octets, '0', '0', '0'].slice(0, 4).join('.')}/${octets.length * 8}`);
  }
  return oneNetwork(client);
}

function wrappersRule(text: string): Prefix[] | undefined {
  const [, rest] = WRAPPERS_RULE.exec(text) ?? [];
  if (rest === undefined) return undefined;
  // What stands behind the next colon outside of brackets is what to do, `deny`.
  const clients = /^(?:\[[^\]]*\]|[^:[\]])+/.exec(rest)?.[0] ?? '';
  const words = clients.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0 || words.length > MOST_CLIENTS) return undefined;
  const found = words.map(networkOfClient);
  const known = found.filter((network) => network !== undefined);
  return known.length === found.length ? known : undefined;
}

/** What follows an address in its line: words that are none, as in lists that say how often an address was seen. */
function withWords(text: string): Prefix[] | undefined {
  const [first = '', ...rest] = text.split(/[\s,|]+/, 8);
  // Two addresses may be two, or a range: nobody is banned for a guess.
  if (rest.length === 0 || rest.some((word) => parsePrefix(word) !== undefined || word === '-')) return undefined;
  const prefix = parsePrefix(first);
  return prefix === undefined ? undefined : [prefix];
}

/** Spamhaus DROP has one object a line, and at the end one about the list itself. */
function jsonLine(text: string): readonly ListEntry[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const ban = readExportedJson(value);
  const named = ['cidr', 'address', 'ip', 'network'].map((key) => (Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined)).find((one) => typeof one === 'string');
  if (typeof named !== 'string') return 'type' in value && value.type === 'metadata' ? [] : undefined;
  return networksOf(named)?.map((prefix) => ({ prefix, ban }));
}

/**
 * What a line names; none for one that is empty. Undefined when it can't be read. Host names are never looked up.
 *
 * @param text without comment and without blanks at its ends
 */
export function readListLine(text: string): readonly ListEntry[] | undefined {
  if (text === '') return [];
  if (text.startsWith('{')) return jsonLine(text);
  const networks = networksOf(text) ?? wrappersRule(text) ?? withWords(text);
  return networks?.map((prefix) => ({ prefix, ban: undefined }));
}
