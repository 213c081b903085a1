import type { TargetConfig } from '../../config/config.ts';
import { ipsetName } from '../names.ts';

/** Rows take memory as they come; ipset's own default, 65,536, is less than a list from elsewhere may bring. */
const MOST_ROWS = 1_048_576;

/**
 * One line for `ipset restore` for each set of a target. `timeout 0` is for ever unless a row says otherwise; without it no row could. The
 * netmask cuts both what is written and what is looked up to the network that the target bans as one.
 */
export function ipsetCreateLines({ name, ipv6Prefix }: TargetConfig): readonly string[] {
  const netmask = ipv6Prefix === 128 ? '' : ` netmask ${ipv6Prefix}`;
  const options = `maxelem ${MOST_ROWS} timeout 0 counters`;
  return [
    `create ${ipsetName(name, 4, 'host')} hash:ip family inet ${options}`,
    `create ${ipsetName(name, 4, 'net')} hash:net family inet ${options}`,
    `create ${ipsetName(name, 6, 'host')} hash:ip family inet6${netmask} ${options}`,
    `create ${ipsetName(name, 6, 'net')} hash:net family inet6 ${options}`,
  ];
}
