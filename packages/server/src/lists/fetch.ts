/** Fetches a list over HTTP: one of the two doors to undici in banband. */
import { createGunzip } from 'node:zlib';
import { listParser, ms, type ListText, type Ms } from 'banban-shared';
import UndiciClient from 'undici/lib/dispatcher/client.js';
import type { Clock } from '../clock.ts';
import { throughSteps } from '../slices.ts';
import { VERSION } from '../version.ts';

/** By what a server tells whether the list has changed since; RFC 9110, section 8.8. */
export interface Validators {
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}

/** What a fetch may take at most. */
export interface FetchLimits {
  /** As it comes, and again as it is when it is unpacked. */
  readonly bytes: number;
  /** With nothing coming: while connecting, before the answer, and in the middle of it. */
  readonly idle: Ms;
  /** For all of it, redirects too. */
  readonly total: Ms;
}

/** The largest lists have some ten megabytes, and the slowest servers bring them within a minute. */
const FETCH_LIMITS: FetchLimits = { bytes: 64 * 1024 * 1024, idle: ms(30_000), total: ms(300_000) };

/** What came of it. A problem is a sentence that begins with the URL. */
export type Fetched =
  | { readonly kind: 'list'; readonly list: ListText; readonly validators: Validators }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly problem: string };

/** What to fetch. */
export interface FetchOptions {
  readonly clock: Clock;
  readonly url: string;
  /** Of the copy that is there already; undefined where there is none. */
  readonly known: Validators | undefined;
  /** So many entries at most. */
  readonly most: number;
  readonly limits?: FetchLimits;
  /** Ends it: it has failed then. */
  readonly signal: AbortSignal;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** What is longer is not worth being sent back. */
const LONGEST_VALIDATOR = 512;

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** A URL as it may be shown: what stands behind the question mark is often a key. */
export const shownUrl = (url: string): string => url.replace(/\?.*$/s, '?…');

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');

/** Why nothing came, to follow the URL. */
function explain(error: unknown, host: string): string {
  if (error instanceof Trouble) return error.message;
  const code = codeOf(error);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `can’t be fetched: the name ${host} can’t be resolved; see whether the DNS works, and the address is right`;
    case 'ECONNREFUSED':
      return `can’t be fetched: ${host} does not take connections`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
      return `can’t be fetched: ${host} can’t be reached`;
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
    case 'HPE_INVALID_EOF_STATE':
    case 'ECONNRESET':
    case 'EPIPE':
      return 'was cut off before its end';
    case 'Z_BUF_ERROR':
    case 'Z_DATA_ERROR':
      return 'is not what gzip makes, or was cut off before its end';
    default:
      if (/CERT|_SIGNATURE|_TLS_|_SSL_|EPROTO/.test(code)) return `can’t be fetched: the certificate or TLS of ${host} is not good (${code})`;
      return `can’t be fetched: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What we ourselves find wrong, in words that follow the URL. */
class Trouble extends Error {
  override readonly name = 'Trouble';
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;
type Answer = Exclude<Fetched, { readonly kind: 'failed' }> | { readonly kind: 'redirect'; readonly to: string };

/** A header that is there once, and is of ASCII that can be sent back. */
function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value.length <= LONGEST_VALIDATOR && /^[\x20-\x7e]+$/.test(value) ? value : undefined;
}

interface HopOptions extends Required<Omit<FetchOptions, 'url'>> {
  readonly url: URL;
}

/** One request. @throws Trouble, or an error of undici or zlib */
function hop({ clock, url, known, most, limits, signal }: HopOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = new UndiciClient(url.origin, { pipelining: 1, connectTimeout: 0, headersTimeout: 0, bodyTimeout: 0 });
    const parser = listParser(most);
    let idle = clock.after(limits.idle, stalled);
    let came = 0;
    let size = 0;
    let gunzip: ReturnType<typeof createGunzip> | undefined;
    let validators: Validators = { etag: undefined, modified: undefined };
    let packed: boolean | undefined;
    /** The work on the last piece. */
    let taking = Promise.resolve();
    let over = false;

    function finish(end: () => void): void {
      if (over) return;
      over = true;
      idle.cancel();
      signal.removeEventListener('abort', aborted);
      gunzip?.destroy();
      // Also ends a request that is under way.
      client.destroy().catch(() => undefined);
      end();
    }
    const fail = (error: unknown): void => finish(() => reject(error instanceof Error ? error : new Error(String(error))));
    const done = (answer: Answer): void => finish(() => resolve(answer));
    function aborted(): void {
      fail(signal.reason);
    }
    function stalled(): void {
      fail(new Trouble(`stalled: nothing came for ${limits.idle / 1000} s`));
    }
    function waitAnew(): void {
      idle.cancel();
      if (!over) idle = clock.after(limits.idle, stalled);
    }
    const tooLong = (): void => fail(new Trouble(`has more than ${Math.floor(limits.bytes / 1_048_576)} MiB, which no list of addresses has; is it the right address?`));

    /** The next piece as it is in the list itself. Others get their turn in between: who wrote it chose how much work it is. */
    async function take(bytes: Uint8Array): Promise<void> {
      if (over) return;
      size += bytes.length;
      if (size > limits.bytes) return tooLong();
      // Meanwhile it is the server that waits.
      idle.cancel();
      const problem = await throughSteps(clock, parser.pushing(bytes));
      waitAnew();
      if (problem !== undefined) fail(new Trouble(`can’t be used: ${problem}`));
    }

    async function complete(): Promise<void> {
      if (over) return;
      idle.cancel();
      const list = await throughSteps(clock, parser.ending());
      if ('problem' in list) fail(new Trouble(`can’t be used: ${list.problem}`));
      else done({ kind: 'list', list, validators });
    }

    function start(status: number, headers: Headers): void {
      if (status === 304 && known !== undefined) return done({ kind: 'unchanged' });
      if (REDIRECTS.includes(status)) {
        const location = headers['location'];
        return typeof location === 'string' ? done({ kind: 'redirect', to: location }) : fail(new Trouble(`answers ${status} and does not say where to go`));
      }
      if (status !== 200) return fail(new Trouble(`answers with status ${status}${status === 404 || status === 410 ? '; see whether the list has moved' : status === 429 ? ': it was asked too often; raise refresh' : ''}`));
      const coding = String(headers['content-encoding'] ?? 'identity').trim().toLowerCase();
      if (coding === 'gzip' || coding === 'x-gzip') packed = true;
      else if (coding !== 'identity' && coding !== '') return fail(new Trouble('is packed by other means than gzip'));
      validators = { etag: header(headers, 'etag'), modified: header(headers, 'last-modified') };
    }

    function unpack(): ReturnType<typeof createGunzip> {
      const stream = createGunzip();
      stream.on('data', (bytes: Buffer) => {
        stream.pause();
        void take(bytes).then(() => stream.resume());
      });
      stream.on('end', () => void complete());
      stream.on('error', fail);
      return stream;
    }

    signal.addEventListener('abort', aborted);
    if (signal.aborted) return aborted();
    client.dispatch(
      {
        method: 'GET',
        path: url.pathname + url.search,
        headers: {
          accept: 'text/plain, application/json, */*;q=0.5',
          'accept-encoding': 'gzip',
          'user-agent': `banban/${VERSION}`,
          ...(known?.etag !== undefined && { 'if-none-match': known.etag }),
          ...(known?.modified !== undefined && { 'if-modified-since': known.modified }),
        },
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, status, headers) => {
          if (over) return;
          waitAnew();
          // Status 103 and its like only announce the answer.
          if (status >= 200) start(status, headers);
        },
        onResponseData: (controller, chunk) => {
          if (over) return;
          waitAnew();
          came += chunk.length;
          if (came > limits.bytes) return tooLong();
          // A file that was packed to lie on the server begins with gzip's own mark (RFC 1952).
          packed ??= chunk[0] === 0x1f && (chunk.length < 2 || chunk[1] === 0x8b);
          if (!packed) {
            controller.pause();
            // At a turn of the loop: within one, undici may take its own end of the connection for more to read, for ever.
            taking = take(chunk).then(() => clock.soon(() => controller.resume()));
            return;
          }
          gunzip ??= unpack();
          if (gunzip.write(chunk)) return;
          controller.pause();
          gunzip.once('drain', () => controller.resume());
        },
        onResponseEnd: () => {
          if (over) return;
          if (gunzip === undefined) void taking.then(complete);
          else gunzip.end();
        },
        onResponseError: (_controller, error) => fail(error),
      },
    );
  });
}

/** Where a redirect leads. @throws Trouble where it must not be followed: whoever is on the way could have written it */
function follow(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafe = to !== undefined && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:' && LOOPBACK.test(to.hostname)));
  if (!isSafe || to.username !== '' || to.password !== '') throw new Trouble(`sends on to ${JSON.stringify(shownUrl(location).slice(0, 200))}, which is not https and is not followed; give the right address`);
  return to;
}

/** Fetches a list, or finds that it has not changed. Never throws; ends by its limits, whatever the server does. */
export async function fetchList({ clock, url, known, most, limits = FETCH_LIMITS, signal }: FetchOptions): Promise<Fetched> {
  const controller = new AbortController();
  const pass = (): void => controller.abort(new Trouble('was not waited for'));
  signal.addEventListener('abort', pass);
  const timer = clock.after(limits.total, () => controller.abort(new Trouble(`took longer than ${limits.total / 1000} s`)));
  let at: URL | undefined;
  try {
    if (signal.aborted) pass();
    at = new URL(url);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const answer = await hop({ clock, url: at, known, most, limits, signal: controller.signal });
      if (answer.kind !== 'redirect') return answer;
      at = follow(at, answer.to);
    }
    throw new Trouble(`sends on more than ${MOST_REDIRECTS} times`);
  } catch (error) {
    return { kind: 'failed', problem: `${shownUrl(url)} ${explain(error, at?.host ?? '')}` };
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', pass);
  }
}
