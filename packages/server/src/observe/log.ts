/** The daemon's own log: text for a terminal, a JSON object a line for everything else. */
import type { Clock } from '../clock.ts';

/** What an event is about, by name; `message` is a sentence for people. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** Where the daemon says what it does. `event` is a fixed word with underscores that a script can look for. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

type Level = 'info' | 'warn' | 'error';

/** C0 and C1 controls, DEL, and the characters that turn the direction of text round: nothing of these reaches a terminal. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** `text` with every unprintable character as `\xNN` or `\uNNNN`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => {
    const code = c.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

const MARK: Readonly<Record<Level, string>> = { info: '', warn: 'warning: ', error: 'ERROR: ' };

/** `write` gets whole lines with their newline. `style` text is `12:34:56 event key=value …`; json one object a line. */
export function createLog(clock: Clock, style: 'text' | 'json', write: (line: string) => void): Log {
  const emit = (level: Level, event: string, fields: LogFields = {}): void => {
    const time = new Date(clock.now()).toISOString();
    if (style === 'json') {
      // First for the reader, and again last: a field of the same name must not pass for the log's own word.
      write(`${JSON.stringify(Object.assign({ time, level, event }, fields, { time, level, event }))}\n`);
      return;
    }
    const { message, ...rest } = fields;
    const pairs = Object.entries(rest).filter(([, v]) => v !== null && v !== '').map(([k, v]) => `${k}=${Array.isArray(v) ? v.join(' | ') : String(v)}`);
    const words = [event.replaceAll('_', ' '), ...(message === undefined || message === '' ? [] : [`(${String(message)})`]), ...pairs];
    write(`${time.slice(11, 19)} ${MARK[level]}${printable(words.join(' '))}\n`);
  };
  return {
    info: (event, fields) => emit('info', event, fields),
    warn: (event, fields) => emit('warn', event, fields),
    error: (event, fields) => emit('error', event, fields),
  };
}
