/** Why there was no answer from the daemon. */

/**
 * `no_socket` no such file · `no_listener` a socket file that nobody serves · `no_permission` this user may not connect ·
 * `no_answer` not in time · `cut_off` the connection ended within the answer · `not_banban` what answered does not speak /v1.
 */
export type ConnectionProblem = 'no_socket' | 'no_listener' | 'no_permission' | 'no_answer' | 'cut_off' | 'not_banban';

/** No usable answer came. The message is what and why in one sentence; `next` is what to do about it, in another. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  constructor(
    readonly kind: ConnectionProblem,
    message: string,
    readonly next: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The same shape as the API's error body, so that a script reads one form; the codes are banctl's own. */
  toBody(): { readonly error: { readonly code: ConnectionProblem; readonly message: string; readonly details: readonly string[] } } {
    return { error: { code: this.kind, message: `${this.message} ${this.next}`, details: [] } };
  }
}

const nameOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');

/**
 * What a failure of the connection means to the person at the terminal.
 *
 * @param changes whether the request was to change something, so that its fate is now unknown
 */
export function explainConnection(cause: unknown, socket: string, changes: boolean): ConnectionError {
  const options = { cause };
  const unknown = changes ? ' Whether it was done is not known: look with "banctl list" before you repeat it.' : '';
  switch (nameOf(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new ConnectionError('no_socket', `banband is not running here: there is no socket ${socket}.`, 'Start it (systemctl start banband), or name its control socket with --socket or BANBAN_SOCKET.', options);
    case 'ECONNREFUSED':
      return new ConnectionError('no_listener', `banband is not running: nobody listens on ${socket}, which a banband that is gone left behind.`, 'Start it (systemctl start banband); its log says why it ended.', options);
    case 'ENOTSOCK':
    case 'EPROTOTYPE':
      return new ConnectionError('not_banban', `${socket} is not banband's control socket.`, 'Name the control socket (control.sock, not log.sock) with --socket or BANBAN_SOCKET.', options);
    case 'EACCES':
    case 'EPERM':
      return new ConnectionError('no_permission', `you may not use ${socket}: it is for root and the members of its group.`, 'Use sudo, or have root add you to the group (usermod -aG banban NAME) and log in again.', options);
    case 'EAGAIN':
      return new ConnectionError('no_answer', `banband does not take connections on ${socket}: its queue is full.`, 'See whether it hangs (systemctl status banband), and try again.', options);
    case 'EINVAL':
    case 'ENAMETOOLONG':
      return new ConnectionError('no_socket', `${socket} cannot be a socket: its path is too long or not valid.`, 'Name a path of at most 107 bytes with --socket or BANBAN_SOCKET.', options);
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
    case 'HPE_INVALID_EOF_STATE':
    case 'ECONNRESET':
    case 'EPIPE':
      return new ConnectionError('cut_off', `banband closed the connection on ${socket} before its answer was complete.`, `See whether it has just ended (systemctl status banband), and try again.${unknown}`, options);
    default:
      return notBanban(socket, cause instanceof Error ? cause.message : 'the answer could not be read', unknown, cause);
  }
}

/** What answered is no banband, or one of another version. `why` is the cause in a few words. */
export function notBanban(socket: string, why: string, after = '', cause?: unknown): ConnectionError {
  return new ConnectionError('not_banban', `what answered on ${socket} does not speak banban's protocol (${why}).`, `Check --socket and BANBAN_SOCKET, and that banctl and banband are of one version.${after}`, { cause });
}

/** Nothing complete came within `seconds`. */
export function noAnswer(socket: string, seconds: number, changes: boolean): ConnectionError {
  const unknown = changes ? ' Whether it was done is not known: look with "banctl list" before you repeat it.' : '';
  return new ConnectionError('no_answer', `banband did not answer on ${socket} within ${seconds} s.`, `See whether it hangs (systemctl status banband), or wait longer with --timeout SECONDS.${unknown}`);
}
