import { endianness } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ipv4Gateways, ipv6Gateways } from '../../../../packages/server/src/guards/routes.ts';

// The kernel prints words of the machine's own order; these are little-endian.
describe.runIf(endianness() === 'LE')('IPv4', () => {
  const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n';
  const row = (destination: string, gateway: string, flags: string, mask: string): string => `eth0\t${destination}\t${gateway}\t${flags}\t0\t0\t100\t${mask}\t0\t0\t0      \n`;

  test('the default routes name the gateways', () => {
    expect(ipv4Gateways(HEAD + row('00000000', '016433C6', '0003', '00000000') + row('00000000', '026433C6', '0003', '00000000') + row('006433C6', '00000000', '0001', '00FFFFFF'))).toEqual(['198.51.100.1', '198.51.100.2']);
  });

  test('a gateway to somewhere else, a default without one and a route that is not used name none', () => {
    expect(ipv4Gateways(HEAD + row('006433C6', '016433C6', '0003', '00FFFFFF') + row('00000000', '00000000', '0001', '00000000') + row('00000000', '016433C6', '0002', '00000000') + row('00000000', '016433C6', '0003', '00000080'))).toEqual([]);
  });
});

describe('IPv6', () => {
  const zero = '0'.repeat(32);
  const hop = '20010db8000500000000000000000001';
  const row = (destination: string, bits: string, next: string, flags: string): string => `${destination} ${bits} ${zero} 00 ${next} 00000400 00000001 00000000 ${flags}     eth0\n`;

  test('the default routes name the gateways', () => {
    expect(ipv6Gateways(row(zero, '00', hop, '00000003') + row(zero, '00', 'fe80000000000000000000000000000a', '00450003'))).toEqual(['2001:db8:5::1', 'fe80::a']);
  });

  test('the rejecting route of the loopback, and routes to somewhere else, name none', () => {
    expect(ipv6Gateways(row(zero, '00', zero, '00200200') + row('20010db8000500000000000000000000', '40', hop, '00000003') + row(zero, '01', hop, '00000003'))).toEqual([]);
  });
});

test('what is no table has no gateways', () => {
  for (const text of ['', '\n', 'eth0', '\t\t\t', '0 0 0']) expect([...ipv4Gateways(text), ...ipv6Gateways(text)]).toEqual([]);
});
