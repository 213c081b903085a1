/** The control API as a fastify app: the only door to fastify. The shared route table makes the routes and their checks. */
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { ApiError, routes, type RouteName } from 'banban-shared';
import fastify, { type FastifyInstance } from 'fastify';
import type { Log } from '../observe/log.ts';
import { StoreError } from '../store/store.ts';
import type { DaemonView } from './daemon-view.ts';
import { handlers } from './handlers.ts';

/** 10,000 of the longest addresses with all their quotes and commas. */
const LARGEST_BODY = 1024 * 1024;

/** A key or a path that nobody asked for is named up to this length: it may be a mebibyte. */
const LONGEST_NAMED = 200;

/** A client that does not finish its request is told so and let go: 1,000 idle ones must not keep an admin out. */
const HEADERS_TIMEOUT = 5_000;
const REQUEST_TIMEOUT = 15_000;
const CHECK_EVERY = 1_000;

function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError) return new ApiError('store_unavailable', `${error.message}; nothing was done`, [], { cause: error });
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ApiError('too_large', 'the request body is over 1 MiB; send at most 10,000 addresses at once');
  if (code === 'FST_ERR_VALIDATION') return new ApiError('bad_request', `the request is not of the right shape: ${shapeProblem(error)}`);
  if (code.startsWith('FST_ERR_CTP')) return new ApiError('bad_request', `the request body can't be read: ${error.message}`);
  if (error instanceof SyntaxError || ('statusCode' in error && error.statusCode === 400)) return new ApiError('bad_request', `the request can't be read: ${error.message}`);
  return undefined;
}

/** For what never became a request, so that no handler sees it: the answer goes onto the bare connection. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const answer = new ApiError('bad_request', connectionProblem(error));
    const body = JSON.stringify(answer.toBody());
    socket.write(`HTTP/1.1 ${answer.status} Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}

function connectionProblem(error: Error & { readonly code?: string }): string {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return `the request was not complete within ${REQUEST_TIMEOUT / 1000} s, its headers within ${HEADERS_TIMEOUT / 1000} s`;
    case 'HPE_HEADER_OVERFLOW':
      return 'the headers of the request are over 16 KiB';
    default:
      return `what came is not HTTP/1.1: ${error.message}`;
  }
}

/** ajv's words, with the name of a key that should not be there, which they leave out. */
function shapeProblem(error: Error): string {
  const first: unknown = 'validation' in error && Array.isArray(error.validation) ? error.validation[0] : undefined;
  if (typeof first !== 'object' || first === null || !('params' in first)) return error.message;
  const { params } = first;
  if (typeof params !== 'object' || params === null || !('additionalProperty' in params)) return error.message;
  return `it has an unknown key ${JSON.stringify(String(params.additionalProperty).slice(0, LONGEST_NAMED))}`;
}

/**
 * The API over `daemon`, ready to be put on a socket by `listen`. An error that is neither the request's nor the store's
 * is answered as `internal`, and logged whole.
 */
export function createApp(daemon: DaemonView, log: Log): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: LARGEST_BODY,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: HEADERS_TIMEOUT,
    // A host name says nothing on a UNIX socket.
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: CHECK_EVERY, requireHostHeader: false },
    // What comes while the stop waits for others is still answered, or refused in the one form.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (_error, request, reply) => {
      const answer = new ApiError('bad_request', `${JSON.stringify(request.url.slice(0, LONGEST_NAMED))} can't be read as a path`);
      const body = JSON.stringify(answer.toBody());
      reply.raw.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
    },
    // Strict, against fastify's own habit: nothing dropped, nothing coerced, nothing filled in.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
  });
  // Fastify lets go only of the clients of a server that it made listen itself (see listen.ts), and one client that says
  // nothing would keep the stop waiting for ever. What was read whole has been answered by now.
  app.addHook('preClose', (done) => {
    app.server.close();
    app.server.closeAllConnections();
    done();
  });
  // One parser for one type: a form that a web page can send without asking is not JSON and is refused.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request) => {
    if (request.headers.origin !== undefined || request.headers.referer !== undefined) {
      throw new ApiError('forbidden_origin', 'requests from web pages (with Origin or Referer) are refused');
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    let answer = asApiError(error);
    if (answer === undefined) {
      logFault(log, error);
      answer = new ApiError('internal', 'a fault in banband; its log has the details');
    }
    return reply.code(answer.status).send(answer.toBody());
  });
  app.setNotFoundHandler((request, reply) => {
    const answer = new ApiError('unknown_route', `there is no ${request.method} ${(request.url.split('?')[0] ?? '').slice(0, LONGEST_NAMED)}; the routes are under /v1`);
    return reply.code(answer.status).send(answer.toBody());
  });
  for (const name of Object.keys(routes)) if (isRouteName(name)) addRoute(app, daemon, log, name);
  return app;
}

function logFault(log: Log, error: unknown): void {
  log.error('control_fault', { message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

const isRouteName = (name: string): name is RouteName => Object.hasOwn(routes, name);

const NO_QUERY = { type: 'object', properties: {}, additionalProperties: false } as const;

function addRoute<N extends RouteName>(app: FastifyInstance, daemon: DaemonView, log: Log, name: N): void {
  const route = routes[name];
  const schema = { querystring: 'query' in route ? route.query : NO_QUERY, ...('body' in route ? { body: route.body } : {}) };
  app.route({
    method: route.method,
    url: route.path,
    schema,
    // The checks above are the parser that these types stand for.
    handler: async (request, reply) => {
      if (!('body' in route) && request.body !== undefined) throw new ApiError('bad_request', `${route.method} ${route.path} takes no body`);
      const answer = await handlers[name](daemon, { query: request.query, body: request.body } as Parameters<(typeof handlers)[N]>[1]);
      if (!(answer instanceof Readable)) return answer;
      // Too late for another status: the connection is cut, which no client takes for the end of the list.
      answer.on('error', (error) => logFault(log, error));
      return reply.type('application/json; charset=utf-8').send(answer);
    },
  });
}

