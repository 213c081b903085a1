/** A client of the control socket that can send anything: HTTP with any body and header, and bytes that are no HTTP at all. */
import { request } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
  /** The body read as JSON. */
  readonly body: unknown;
}

export interface Asking {
  /** Sent as JSON, with its type. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export function askSocket(socketPath: string, method: string, path: string, { json, raw, headers }: Asking = {}): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const body = json === undefined ? raw : JSON.stringify(json);
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    // A connection of its own: one that is kept has nobody who hears of its end.
    const asked = request({ socketPath, agent: false, method, path, headers: { ...type, ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], text, body: text === '' ? undefined : (JSON.parse(text) as unknown) });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Sends bytes and answers with all that came back until the other side closed. */
export function sendSocket(socketPath: string, bytes: string | Buffer): Promise<string> {
  return new Promise<string>((resolve) => {
    const chunks: Buffer[] = [];
    const connection = connect(socketPath, () => connection.write(bytes));
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Let go in the middle of what we still had to say: what came before it counts.
    connection.on('error', () => undefined);
    connection.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}
