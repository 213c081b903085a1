/** What banctl talks to when no banband is wanted: node's own HTTP server on a UNIX socket, with answers that the test chooses. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** A status and a body, or a function that does with the response what it likes. */
export type FakeAnswer = { readonly status?: number; readonly body: unknown } | ((asked: Asked, response: ServerResponse) => void);

export interface FakeDaemon {
  readonly socket: string;
  /** Every request so far, in order. */
  readonly asked: readonly Asked[];
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

/** Serves until the test is over. @param mode of the socket; its directory can be entered by everyone */
export async function fakeDaemon(answer: FakeAnswer, mode = 0o600): Promise<FakeDaemon> {
  const directory = tempDir();
  chmodSync(directory, 0o755);
  const socket = join(directory, 'control.sock');
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const one = { method: request.method ?? '', path: request.url ?? '', body: await read(request) };
    asked.push(one);
    if (typeof answer === 'function') return answer(one, response);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  chmodSync(socket, mode);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { socket, asked };
}
