/**
 * /run/utmp (utmp(5)): who is logged in, one record of fixed length each. Programs of the group utmp may write it, so nothing in it is
 * believed but what can be read as what it should be.
 */
import { endianness } from 'node:os';
import { addressBytes, addressFrom, familyOf, parseAddress, type Address } from 'banban-shared';
import { shown, type Login } from './guard.ts';

/** Somebody in utmp, and the process that keeps their session; whether it is still there is not looked at here. */
export interface UtmpLogin extends Login {
  readonly pid: number;
}

/**
 * glibc's struct utmp (bits/utmp.h). Where 32-bit programs of the same kind of machine share the file (x86, ARM, POWER, MIPS) the session and
 * the time have 4 bytes each, and the record 384; elsewhere (aarch64, riscv64, s390x) they have 8, and the record 400.
 */
const LAYOUTS = [{ size: 384, address: 348 }, { size: 400, address: 360 }] as const;
const WIDE_MACHINES: readonly string[] = ['arm64', 'riscv64', 'loong64', 's390x'];

const USER_PROCESS = 7;
/** Of ut_type: ACCOUNTING. */
const LAST_TYPE = 9;
const PID = 4;
const LINE = 8;
const LINE_LENGTH = 32;
const USER = 44;
const USER_LENGTH = 32;
const HOST = 76;
const HOST_LENGTH = 256;

/** Records that are read; each login takes one. */
const MOST_RECORDS = 4096;
/** So much of the file is of any use. */
export const MOST_UTMP = MOST_RECORDS * 400;

function textAt(bytes: Buffer, at: number, length: number): string {
  const text = bytes.toString('latin1', at, at + length);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** A number in the machine's own byte order. */
const int = (bytes: Buffer, at: number): number => (endianness() === 'LE' ? bytes.readInt32LE(at) : bytes.readInt32BE(at));
const short = (bytes: Buffer, at: number): number => (endianness() === 'LE' ? bytes.readInt16LE(at) : bytes.readInt16BE(at));

/** The layout of this machine, unless the bytes can only be in the other. */
function layoutOf(bytes: Buffer, machine: string): (typeof LAYOUTS)[number] {
  const [own, other] = WIDE_MACHINES.includes(machine) ? [LAYOUTS[1], LAYOUTS[0]] : LAYOUTS;
  const fits = ({ size }: (typeof LAYOUTS)[number]): boolean => {
    if (bytes.length % size !== 0) return false;
    for (let at = 0; at < bytes.length; at += size) if (short(bytes, at) < 0 || short(bytes, at) > LAST_TYPE) return false;
    return true;
  };
  return !fits(own) && fits(other) ? other : own;
}

/** ut_host as an address: `203.0.113.7`, `fe80::1%eth0`, `203.0.113.7 via mosh [4242]`; undefined for a name. */
const addressIn = (host: string): Address | undefined => parseAddress(host.replace(/[% ].*$/s, ''));

/** ut_addr_v6: an IPv4 address is in the first four of its bytes, with zeros behind. */
function binaryAddress(bytes: Buffer, at: number, host: Address | undefined): Address | undefined {
  const raw = bytes.subarray(at, at + 16);
  if (raw.every((byte) => byte === 0)) return host;
  if (raw.subarray(4).some((byte) => byte !== 0)) return addressFrom(raw);
  // 2001:db8:: has zeros there, too.
  const isIpv6 = host !== undefined && familyOf(host) === 6 && addressBytes(host).every((byte, i) => byte === raw[i]);
  return isIpv6 ? host : addressFrom(raw.subarray(0, 4));
}

/** Everybody in the file who came from elsewhere. Bytes behind the last whole record are left. @param machine as in `process.arch` */
export function utmpLogins(bytes: Buffer, machine: string): UtmpLogin[] {
  const { size, address: addressAt } = layoutOf(bytes, machine);
  const logins: UtmpLogin[] = [];
  for (let at = 0, i = 0; at + size <= bytes.length && i < MOST_RECORDS; at += size, i++) {
    if (short(bytes, at) !== USER_PROCESS) continue;
    const pid = int(bytes, at + PID);
    const address = binaryAddress(bytes, at + addressAt, addressIn(textAt(bytes, at + HOST, HOST_LENGTH)));
    if (pid <= 0 || address === undefined) continue;
    const terminal = shown(textAt(bytes, at + LINE, LINE_LENGTH));
    logins.push({ address, pid, user: shown(textAt(bytes, at + USER, USER_LENGTH)), terminal: terminal === '' ? undefined : terminal });
  }
  return logins;
}
