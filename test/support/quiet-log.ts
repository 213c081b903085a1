/** A log that is kept for the test to look at. */
import type { Log, LogFields } from '../../packages/server/src/observe/log.ts';

export interface Said {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export interface QuietLog extends Log {
  readonly said: readonly Said[];
  /** The names of the events, in order. */
  events(): string[];
}

export function quietLog(): QuietLog {
  const said: Said[] = [];
  const note = (level: Said['level']) => (event: string, fields: LogFields = {}) => void said.push({ level, event, fields });
  return { info: note('info'), warn: note('warn'), error: note('error'), said, events: () => said.map((s) => s.event) };
}
