/** What the kernel's error numbers mean here, in words for the admin. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { NFT_TABLE } from '../names.ts';

const { errno } = constants;
/** The number of the error that something is not there, errno(3). */
export const ENOENT = errno.ENOENT;
/** The number of the error that something is there already; for a network, that it overlaps one. */
export const EEXIST = errno.EEXIST;

const NOT_ROOT = 'nf_tables may not be used by this process: run banband as root (it needs CAP_NET_ADMIN)';
const NOT_THERE = 'this kernel has no nf_tables: load the module nf_tables, or use another backend';

/** What makes the table and its sets. */
export const INSTALL = '"banctl firewall install" makes it, or firewall: { manage: true } in the configuration';
/** What is said of a table that is not there. */
export const NO_TABLE = `the table inet ${NFT_TABLE} is not there: ${INSTALL}`;
/** What is said of a set that is not there in a table that is. */
export const noSet = (set: string): string => `the set ${set} is not in the table inet ${NFT_TABLE}: ${INSTALL}`;

const named = (number: number, message: string): string => {
  const [name = `error ${number}`, words = ''] = getSystemErrorMap().get(-number) ?? [];
  return message === '' ? `${name}, ${words}` : `${name}: ${message}`;
};

/** Why the kernel did not tell. `message` is its own explanation, '' where it gave none. */
export function unreadable(number: number, message: string): string {
  if (number === errno.EPERM || number === errno.EACCES) return NOT_ROOT;
  // nfnetlink knows no subsystem of the number of nf_tables.
  if (number === errno.EINVAL || number === errno.EOPNOTSUPP) return NOT_THERE;
  return number === 0 ? 'nf_tables did not answer' : `nf_tables could not be read (${named(number, message)})`;
}

/** Whether the kernel had no room for an element in its set; in a hash and in a tree it says so by ENFILE. */
export const isFull = (number: number): boolean => number === errno.ENFILE || number === errno.ENOSPC;

/** Why the kernel did not write a row. */
export function unwritable(set: string, number: number, message: string): string {
  switch (number) {
    case errno.EPERM:
    case errno.EACCES:
      return NOT_ROOT;
    case errno.ENOENT:
      return noSet(set);
    default:
      if (isFull(number)) return `the set ${set} is full: give it a larger size, or none`;
      return `the kernel did not write it to the set ${set} (${named(number, message)})`;
  }
}

/** Why a socket could not be used: the error of a system call of the native part. */
export const unusable = (error: unknown): string => `nf_tables could not be asked (${error instanceof Error ? error.message : String(error)})`;
