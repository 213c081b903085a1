/** Where log lines come from, as the configuration says it. */
import type { Ms, Prefix } from 'banban-shared';

/** What every source may have. */
interface Common {
  /** What it is called, beside its type: by it a running source is known again at a reload, and its positions in the database. */
  readonly path: string;
  /** The rules in which its lines count; undefined for all. */
  readonly rules: readonly string[] | undefined;
  /** Whether its lines may match good patterns. */
  readonly pardons: boolean;
  /** So long a time without a line is an alarm; undefined to learn it. */
  readonly silentAfter: Ms | undefined;
}

/** A UNIX datagram socket. `path` is absolute, `mode` that of chmod(2). */
export interface UnixSourceConfig extends Common {
  readonly type: 'unix';
  readonly owner: string | undefined;
  readonly group: string | undefined;
  readonly mode: number;
}

/** Files. `path` is absolute and may have `*`, `?` and `[..]` in any of its parts. */
export interface FileSourceConfig extends Common {
  readonly type: 'file';
  /** Where a file begins that is there when the source is seen for the first time. */
  readonly from: 'start' | 'end';
}

/** The systemd journal. */
export interface JournalSourceConfig extends Common {
  readonly type: 'journal';
  readonly units: readonly string[];
  /** `FIELD=value`, as journalctl takes them. */
  readonly matches: readonly string[];
}

/** Syslog messages from other machines. */
export interface SyslogSourceConfig extends Common {
  readonly type: 'syslog';
  readonly protocol: 'udp' | 'tcp';
  /** An address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Who may send; at least one. */
  readonly allow: readonly Prefix[];
}

/** Standard input. */
export interface StdinSourceConfig extends Common {
  readonly type: 'stdin';
}

/** One source. */
export type SourceConfig = UnixSourceConfig | FileSourceConfig | JournalSourceConfig | SyslogSourceConfig | StdinSourceConfig;
