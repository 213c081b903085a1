/**
 * Bans for programs that ask TCP wrappers (libwrap, hosts_access(5)) at each connection: lines in the file of those who are denied. What
 * the file of those who are allowed says goes before it.
 */
import { parseSubject, type Subject } from 'banban-shared';
import type { TargetConfig } from '../config/config.ts';
import type { KernelList, ListFailures, ListState } from './firewall.ts';
import { identityOf, MOST_BYTES, readText, replaceText, type FileText } from './hosts-deny-file.ts';
import { findBlock, subjectsIn, withChange, type Block } from './hosts-deny-text.ts';

/** Where the lines are. */
export interface HostsDenyOptions {
  /** An absolute path, /etc/hosts.deny on most machines. Several targets may share it. */
  readonly file: string;
}

/** Changes of others between reading and writing that are followed; an editor writes once. */
const MOST_TRIES = 5;

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && error.code === 'EROFS' ? 'nothing can be written there; a service of systemd needs ReadWritePaths= with its folder' : error.message;
}

/**
 * The lines of a target. A write reads the file, and replaces it when it is to be another: some 2 ms, and with 100,000 lines some 60 ms,
 * however few of them change.
 */
export function hostsDenyList({ name }: TargetConfig, { file }: HostsDenyOptions): KernelList {
  /** @throws Error with a sentence for the admin */
  function look(late?: FileText): { readonly found: FileText; readonly block: Block | undefined } {
    let found: FileText;
    try {
      found = late ?? readText(file);
    } catch (error) {
      throw new Error(`${file} can't be read: ${messageOf(error)}`, { cause: error });
    }
    const block = findBlock(found.text, name);
    if (block !== undefined && 'message' in block) throw new Error(`${file}:${block.line}: ${block.message}`);
    return { found, block };
  }

  /** @throws Error with a sentence for the admin */
  function change(remove: ReadonlySet<Subject>, add: readonly Subject[]): void {
    let late: FileText | undefined;
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const { found, block } = look(late);
      const text = withChange(found.text, name, block, remove, add);
      if (text === found.text && late === undefined) return;
      if (text.length > MOST_BYTES) throw new Error(`${file} would have more than ${MOST_BYTES} bytes, and TCP wrappers read it whole for every connection; have fewer bans in ${name}, or another backend for it`);
      try {
        const done = replaceText(found, text);
        if (done === 'replaced') return;
        late = done === 'changed' ? undefined : done;
      } catch (error) {
        throw new Error(`${file} can't be written: ${messageOf(error)}`, { cause: error });
      }
    }
    throw new Error(`${file} was changed by somebody else again and again while it was to be written; it is tried again`);
  }

  return {
    backend: 'hosts_deny',
    refuses: () => undefined,

    read(): ListState {
      try {
        const { found, block } = look();
        const subjects = block === undefined ? new Set<Subject>() : subjectsIn(found.text, block);
        return { state: 'present', subjects, pending: new Set(), failures: new Map(), capacity: undefined };
      } catch (error) {
        return { state: 'failed', message: messageOf(error) };
      }
    },

    identity: () => identityOf(file),

    write({ remove, add }): ListFailures {
      const failures = new Map<Subject, string>();
      const canonical = (subject: Subject): boolean => {
        if (parseSubject(subject) === subject) return true;
        // Nothing but an address may get into a file in which other words are commands.
        failures.set(subject, `${JSON.stringify(subject)} is not an address in canonical form; this is a fault in banban`);
        return false;
      };
      const removed = new Set(remove.filter(canonical));
      const added = add.map((row) => row.subject).filter(canonical);
      try {
        change(removed, added);
      } catch (error) {
        for (const subject of [...removed, ...added]) failures.set(subject, messageOf(error));
      }
      return failures;
    },

    hits: () => new Map(),
    close: () => undefined,
  };
}
