import { describe, expect, test } from 'vitest';
import { addressOn, deletedCount, isOver, keysOf, socketKey } from '../../../../../packages/server/src/enforce/connections/conntrack-text.ts';

const TCP = 'tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.1 sport=1000 dport=22 src=10.0.0.5 dst=192.0.2.1 sport=2222 dport=1000 [ASSURED] mark=0 use=1';
const SYN = 'tcp      6 10 SYN_SENT src=198.51.100.1 dst=192.0.2.2 sport=1000 dport=25 [UNREPLIED] src=192.0.2.2 dst=198.51.100.1 sport=25 dport=1000 mark=0 use=1';
const UDP = 'udp      17 29 src=2001:db8::3 dst=2001:db8::1 sport=53 dport=53 [UNREPLIED] src=2001:db8::1 dst=2001:db8::3 sport=53 dport=53 mark=0 use=1';
const ICMP = 'icmp     1 29 src=192.0.2.3 dst=192.0.2.1 type=8 code=0 id=1 src=192.0.2.1 dst=192.0.2.3 type=0 code=0 id=1 mark=0 use=1';

describe('a line of conntrack', () => {
  test('says who opened the connection, and to whom', () => {
    expect([TCP, SYN, UDP, ICMP].map((line) => [addressOn(line, 'source'), addressOn(line, 'destination')])).toEqual([
      ['192.0.2.1', '198.51.100.1'],
      ['198.51.100.1', '192.0.2.2'],
      ['2001:db8::3', '2001:db8::1'],
      ['192.0.2.3', '192.0.2.1'],
    ]);
    expect(addressOn('conntrack v1.4.7', 'source')).toBeUndefined();
  });

  test('is of a connection that is over in two states of TCP', () => {
    const states = ['TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'ESTABLISHED', 'SYN_SENT'];
    expect(states.map((state) => isOver(TCP.replace('ESTABLISHED', state)))).toEqual([true, true, false, false, false, false]);
    expect(isOver(UDP)).toBe(false);
  });

  test('names the sockets that may be the connection’s: seen from either end, after NAT, and none without ports', () => {
    expect(keysOf(TCP)).toEqual([
      socketKey('tcp', '198.51.100.1', '22', '192.0.2.1', '1000'),
      socketKey('tcp', '192.0.2.1', '1000', '10.0.0.5', '2222'),
    ]);
    expect(keysOf(SYN)).toContain(socketKey('tcp', '192.0.2.2', '25', '198.51.100.1', '1000'));
    expect(keysOf(UDP)).toContain('udp 2001:db8::3 53 2001:db8::1 53');
    expect(keysOf(ICMP)).toEqual([]);
    expect(keysOf(' src= dst= sport=1 dport=2')).toEqual([]);
  });
});

test('an address has one name, however a program writes it', () => {
  expect(socketKey('tcp', '::ffff:192.0.2.1', '1', '64:ff9b::192.0.2.33', '2')).toBe('tcp 192.0.2.1 1 64:ff9b::c000:221 2');
});

test.each([
  ['conntrack v1.4.7 (conntrack-tools): 3 flow entries have been deleted.\n', 3],
  ['conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n', 0],
  ['conntrack v1.4.7 (conntrack-tools): Operation failed: Operation not permitted\n', undefined],
  ['', undefined],
])('%j has deleted %j', (stderr, count) => {
  expect(deletedCount(stderr)).toBe(count);
});
