/** A server of lists on loopback that does what the test says, well or badly, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

export interface ListServer {
  readonly url: string;
  readonly asked: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  /** Answers from now on. */
  serve: Serve;
  /** For NODE_EXTRA_CA_CERTS; undefined without TLS. */
  readonly certificate: string | undefined;
}

/** A list with an ETag, and 304 for who has it. */
export const listOf = (text: string, etag = `"${text.length}-${text.slice(0, 20).replace(/[^\w.]/g, '')}"`): Serve => (request, response) => {
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
  response.writeHead(200, { 'content-type': 'text/plain', etag, 'last-modified': 'Sat, 21 Nov 2026 10:00:00 GMT' }).end(text);
};

/** Serves until the test is over. */
export async function listServer(serve: Serve, tls = false): Promise<ListServer> {
  const asked: { path: string; headers: IncomingMessage['headers'] }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push({ path: request.url ?? '', headers: request.headers });
    response.on('error', () => undefined);
    room.serve(request, response);
  };
  const dir = tls ? tempDir() : '';
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  if (tls) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
  }
  const server = tls ? createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const room = { url: `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}`, asked, serve, certificate: tls ? cert : undefined };
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return room;
}
