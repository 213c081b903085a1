/** Records of utmp as glibc lays them out, for little-endian machines. */

export interface UtmpRecord {
  readonly type?: number;
  readonly pid?: number;
  readonly line?: string;
  readonly user?: string;
  readonly host?: string;
  /** ut_addr_v6. */
  readonly address?: readonly number[];
}

/** @param size 384, or 400 where session and time have 8 bytes */
export function utmpRecord({ type = 7, pid = 4242, line = 'pts/0', user = 'anna', host = '', address = [] }: UtmpRecord, size: 384 | 400 = 384): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeInt16LE(type, 0);
  bytes.writeInt32LE(pid, 4);
  bytes.write(line, 8, 32, 'latin1');
  bytes.write('ts/0', 40, 4, 'latin1');
  bytes.write(user, 44, 32, 'latin1');
  bytes.write(host, 76, 256, 'latin1');
  bytes.set(address, size === 384 ? 348 : 360);
  return bytes;
}
