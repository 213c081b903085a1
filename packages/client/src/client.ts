/** The control API from the other side: HTTP/1.1 on the UNIX socket, typed by the route table. The only door to undici. */
import { ApiError, errorBody, routes, type BodyOf, type QueryOf, type ResponseOf, type Route, type RouteName, type Schema } from 'banban-shared';
import UndiciClient from 'undici/lib/dispatcher/client.js';
import { conforms, misfit } from './conforms.ts';
import { ConnectionError, explainConnection, noAnswer, notBanban } from './errors.ts';
import { raiseTieringBudget } from './parser-tiering.ts';

/** A hundred thousand bans are 34 MB of JSON, twice that where each has a long reason; what sends much more is no banband. */
const LARGEST_ANSWER = 256 * 1024 * 1024;

/** Whom to ask, and for how long to wait. */
export interface ClientOptions {
  readonly socket: string;
  /** For one request, from connecting to the last byte. */
  readonly timeoutSeconds: number;
}

type Input<N extends RouteName> = (QueryOf<N> extends undefined ? { readonly query?: undefined } : { readonly query: QueryOf<N> }) &
  (BodyOf<N> extends undefined ? { readonly body?: undefined } : { readonly body: BodyOf<N> });

/** An answer, checked against the route's schema. */
export interface Answer<N extends RouteName> {
  readonly value: ResponseOf<N>;
  /** The body as it came. */
  readonly text: string;
}

/** One keep-alive connection to the daemon, made at the first call. */
export interface Client {
  /**
   * Asks the daemon.
   *
   * @throws ApiError when it answers with an error, ConnectionError when there is no answer that can be used
   */
  call<N extends RouteName>(name: N, input: Input<N>): Promise<Answer<N>>;
  close(): Promise<void>;
}

interface Raw {
  readonly status: number;
  readonly text: string;
}

/** A client that has asked nothing yet: that nobody listens shows at the first call. */
export function connect({ socket, timeoutSeconds }: ClientOptions): Client {
  raiseTieringBudget();
  const limit = { headersTimeout: 0, bodyTimeout: 0 }; // one timer of our own covers the whole
  const http = new UndiciClient('http://banban', { socketPath: socket, pipelining: 1, connectTimeout: 0, ...limit });

  function exchange(method: Route['method'], path: string, body: string | null): Promise<Raw> {
    return new Promise((resolve, reject) => {
      let status = 0;
      let size = 0;
      const chunks: Buffer[] = [];
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        reject(error);
      };
      const timer = setTimeout(() => {
        fail(noAnswer(socket, timeoutSeconds, method !== 'GET'));
        http.destroy().catch(() => undefined);
      }, timeoutSeconds * 1000);
      http.dispatch(
        { method, path, body, headers: { accept: 'application/json', ...(body !== null && { 'content-type': 'application/json' }) } },
        {
          onRequestStart: () => undefined,
          onResponseStart: (_controller, code) => {
            status = code;
          },
          onResponseData: (controller, chunk) => {
            size += chunk.length;
            if (size <= LARGEST_ANSWER) chunks.push(chunk);
            else controller.abort(notBanban(socket, 'the answer is over 256 MiB'));
          },
          onResponseEnd: () => {
            clearTimeout(timer);
            resolve({ status, text: Buffer.concat(chunks).toString('utf8') });
          },
          onResponseError: (_controller, error) => fail(error instanceof ConnectionError ? error : explainConnection(error, socket, method !== 'GET')),
        },
      );
    });
  }

  return {
    async call<N extends RouteName>(name: N, input: Input<N>): Promise<Answer<N>> {
      const route: Route = routes[name];
      const response: (typeof routes)[N]['response'] = routes[name].response;
      const body = route.body === undefined ? null : JSON.stringify(input.body);
      const raw = await exchange(route.method, route.path + queryText(input.query), body);
      const value = readJson(raw.text, socket);
      if (raw.status !== 200) throw readError(raw.status, value, socket);
      if (!isResponse<N>(value, response)) throw notBanban(socket, `in its answer ${misfit(value, response) ?? '$'} is not as expected`);
      return { value, text: raw.text };
    },
    async close() {
      await http.destroy();
    },
  };
}

function isResponse<N extends RouteName>(value: unknown, schema: Schema): value is ResponseOf<N> {
  return misfit(value, schema) === undefined;
}

function queryText(query: Readonly<Record<string, string | undefined>> | undefined): string {
  const text = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) text.append(key, value);
  return text.size === 0 ? '' : `?${text.toString()}`;
}

function readJson(text: string, socket: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notBanban(socket, 'the answer is not JSON', '', cause);
  }
}

function readError(status: number, value: unknown, socket: string): ApiError | ConnectionError {
  if (!conforms(value, errorBody)) return notBanban(socket, `HTTP status ${status} without an error that banctl knows`);
  return new ApiError(value.error.code, value.error.message, value.error.details);
}
