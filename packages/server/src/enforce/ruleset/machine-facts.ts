/** What the kernel tells in files about this machine's network. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the files are; tests have folders of their own. */
export interface FactFiles {
  /** /proc/net: what is in there belongs to the network namespace of the process that reads. */
  readonly procNet: string;
  /** The parameter `ip_list_tot` of xt_recent, readable by root. */
  readonly capacityFile: string;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}

/** Whether an interface other than the loopback has an IPv6 address; each that is up has one, unless IPv6 is switched off. */
export const usesIpv6 = ({ procNet }: FactFiles): boolean =>
  (read(join(procNet, 'if_inet6')) ?? '').split('\n').some((line) => line !== '' && !/\slo$/.test(line.trimEnd()));

/** Rows that a list of xt_recent can have; undefined when the kernel does not tell. */
export function recentRows({ capacityFile }: FactFiles): number | undefined {
  const rows = Number(read(capacityFile)?.trim());
  return Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
}
