/** The files in which systemd-logind keeps its sessions (/run/systemd/sessions): `KEY=value` a line, written by root. */
import { parseAddress } from 'banban-shared';
import { shown, type Login } from './guard.ts';

/**
 * The session of one file, when somebody has come from elsewhere and has not gone. A session is `closing` while programs that its user
 * left behind still run.
 */
export function logindLogin(text: string): Login | undefined {
  const values = new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const address = parseAddress((values.get('REMOTE_HOST') ?? '').replace(/%.*$/s, ''));
  if (address === undefined || values.get('STATE') === 'closing') return undefined;
  const terminal = shown(values.get('TTY') ?? '');
  return { address, user: shown(values.get('USER') ?? ''), terminal: terminal === '' ? undefined : terminal };
}
