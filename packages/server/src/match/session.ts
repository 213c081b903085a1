/**
 * Patterns over two lines: a service that names the address where a connection begins, and afterwards only the connection's
 * number. `<key>` stands for that number in both; the address of the first line is remembered for the second.
 */
import { parseAddress, type Address } from 'banban-shared';
import RE2 from 're2';
import { compilePattern, PatternError, STRICT_ADDRESS, type Pattern, type PatternOptions } from './pattern.ts';

/** Connections that are remembered for each pattern, the latest ones: more are open on no server that names them so. */
const MOST_SESSIONS = 10_000;

const KEY = '<key>';
const NUMBER = String.raw`\d{1,20}`;

/** An expression with everything named left out but the key, and the address where it has one. */
function captureOf(expression: string): string {
  return expression.replace(/\(\?P?<[A-Za-z]\w*>/g, '(?:').replace(KEY, `(?P<key>${NUMBER})`).replace('<ip>', `(?P<ip>${STRICT_ADDRESS})`);
}

const occurs = (text: string, what: string): number => text.split(what).length - 1;

/**
 * Compiles a pattern whose lines have no address.
 *
 * @param begin how both lines begin
 * @param opens what follows in the line that has `<ip>` and `<key>`
 * @param match what follows in the line that counts, with `<key>`
 * @throws PatternError
 */
export function compileSession(begin: string, opens: string, match: string, options: PatternOptions): Pattern {
  if (occurs(opens, '<ip>') !== 1 || occurs(opens, KEY) !== 1) throw new PatternError('its first line (opens) needs <ip> and <key> once each');
  if (occurs(match, '<ip>') !== 0 || occurs(match, KEY) !== 1) throw new PatternError('with a first line (opens) it needs <key> once, and no <ip>');
  const compile = (expression: string): RE2 => {
    try {
      return new RE2(`^${begin}(?:${captureOf(expression)})`);
    } catch (error) {
      throw new PatternError(`RE2 can't run it: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
  const opener = compile(opens);
  const closer = compile(match);
  // One expression finds both: what it has in the place of an address is of no interest where the line has none.
  const finder = compilePattern(`^${begin}(?:${opens.replace(KEY, NUMBER)}|${match.replace(KEY, NUMBER)})`, options);
  const sessions = new Map<string, Address>();

  return {
    ...finder,
    source: `^${begin}(?:${opens}) … ^${begin}(?:${match})`,
    capturer: closer,
    asker: undefined,
    askExpression: undefined,
    userAsker: undefined,
    namesUsers: false,
    userOf: () => undefined,
    recall(text) {
      const opened = opener.exec(text)?.groups;
      if (opened !== undefined) {
        const address = parseAddress(String(opened['ip']));
        const key = String(opened['key']);
        sessions.delete(key);
        if (sessions.size >= MOST_SESSIONS) for (const oldest of sessions.keys()) { sessions.delete(oldest); break; }
        if (address !== undefined) sessions.set(key, address);
        return undefined;
      }
      const key = closer.exec(text)?.groups?.['key'];
      return key === undefined ? undefined : sessions.get(String(key));
    },
  };
}
