/** A log whose errors somebody else is told of, too. */
import type { Log, LogFields } from './log.ts';

/**
 * As `log`, with `onError` called for every error: a sentence for people. It must not log errors by this log.
 *
 * @param except events of which people are told otherwise
 */
export function tellingLog(log: Log, onError: (sentence: string) => void, except: ReadonlySet<string> = new Set()): Log {
  return {
    info: (event, fields) => log.info(event, fields),
    warn: (event, fields) => log.warn(event, fields),
    error(event, fields) {
      log.error(event, fields);
      if (!except.has(event)) onError(sentenceOf(event, fields));
    },
  };
}

/** `database failed: the disk is full`; what stands beside the message says which. */
function sentenceOf(event: string, fields: LogFields = {}): string {
  const { message, ...rest } = fields;
  const names = Object.entries(rest).filter(([, value]) => value !== null && value !== '').map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(', ') : String(value)}`);
  const about = names.length === 0 ? '' : ` (${names.join('; ')})`;
  return `${event.replaceAll('_', ' ')}${about}${message === undefined || message === null || message === '' ? '' : `: ${String(message)}`}`;
}
