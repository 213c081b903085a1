import type { TargetConfig } from '../../config/config.ts';
import { ipsetName } from '../names.ts';

/** One line for `ipset restore` for each set of a target. */
export function ipsetCreateLines({ name, ipv6Prefix }: TargetConfig): readonly string[] {
  const netmask = ipv6Prefix === 128 ? '' : ` netmask ${ipv6Prefix}`;
  const options = 'maxelem 1048576 timeout 0 counters';
  return [
    `create ${ipsetName(name, 4, 'host')} hash:ip family inet ${options}`,
    `create ${ipsetName(name, 4, 'net')} hash:net family inet ${options}`,
    `create ${ipsetName(name, 6, 'host')} hash:ip family inet6${netmask} ${options}`,
    `create ${ipsetName(name, 6, 'net')} hash:net family inet6 ${options}`,
  ];
}
