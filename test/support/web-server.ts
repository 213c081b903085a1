/** A web server of the test's own on loopback, for webhooks: it keeps what it is asked, and answers as the test says. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

export interface Posted {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebServer {
  readonly url: string;
  readonly posted: readonly Posted[];
  /** Status 200 and no body, where the test says nothing else. */
  answer: (response: ServerResponse, posted: Posted) => void;
}

export async function webServer(): Promise<WebServer> {
  const posted: Posted[] = [];
  const listener = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      posted.push(one);
      server.answer(response, one);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.closeAllConnections();
    listener.close();
  });
  const address = listener.address();
  const server: WebServer = { url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`, posted, answer: (response) => void response.end() };
  return server;
}
