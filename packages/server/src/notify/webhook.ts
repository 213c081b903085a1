/** Messages by HTTP: one POST to a URL, and no redirect followed. The server's door to undici, whose one class it needs. */
import UndiciClient from 'undici/lib/dispatcher/client.js';
import type { WebhookFormat } from '../config/notify.ts';
import { printable } from '../observe/log.ts';
import { cut } from './batch.ts';
import { failed, refused, SENT, type Delivery, type Receiver } from './receiver.ts';
import { formOf } from './webhook-forms.ts';

/** Of the answer so much is read: what it says beyond its status is for an error message. */
const MOST_ANSWER = 2048;
const MOST_SHOWN = 200;

/** Statuses by which the far side refuses this very message; any other refusal may be over when somebody has mended something. */
const FINAL: ReadonlySet<number> = new Set([400, 413, 415, 422]);

function deliveryOf(status: number, answer: string): Delivery {
  if (status >= 200 && status < 300) return SENT;
  const said = cut(printable(answer.replace(/\s+/g, ' ').trim()), MOST_SHOWN);
  const words = said === '' ? '' : `: ${said}`;
  if (status >= 300 && status < 400) return failed(`it answered with status ${status}, a redirect, which is not followed; write the new URL`);
  return (FINAL.has(status) ? refused : failed)(`it answered with status ${status}${words}`);
}

/** Without the URL, which is a secret. */
function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'nobody listens there (connection refused)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name can’t be resolved';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'it closed the connection before it answered';
    default:
      return cut(printable(error.message), MOST_SHOWN);
  }
}

/** A receiver behind a URL of http or https, which may have a name and password in it. */
export function webhookReceiver({ url: text, format }: { readonly url: string; readonly format: WebhookFormat }): Receiver {
  const url = new URL(text);
  const path = `${url.pathname}${url.search}`;
  const login = url.username === '' ? {} : { authorization: `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}` };
  return {
    send(message, signal) {
      const { body, headers } = formOf(format, message);
      return new Promise((resolve) => {
        // One connection for each message: they are rare, and a kept one is mostly dead when it is wanted again. The signal has the time limit.
        const http = new UndiciClient(url.origin, { pipelining: 1, connectTimeout: 0, headersTimeout: 0, bodyTimeout: 0 });
        let status = 0;
        let size = 0;
        const chunks: Buffer[] = [];
        const finish = (delivery: Delivery): void => {
          signal.removeEventListener('abort', abort);
          resolve(delivery);
          http.destroy().catch(() => undefined);
        };
        const abort = (): void => finish(failed('it was given up'));
        const answered = (): void => finish(deliveryOf(status, Buffer.concat(chunks).toString('utf8')));
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        http.dispatch(
          { method: 'POST', path, body, headers: { 'user-agent': 'banban', accept: '*/*', ...headers, ...login } },
          {
            onRequestStart: () => undefined,
            onResponseStart: (_controller, code) => {
              // 1xx is not the answer yet.
              status = code;
            },
            onResponseData: (_controller, chunk) => {
              chunks.push(chunk.subarray(0, Math.max(0, MOST_ANSWER - size)));
              size += chunk.length;
              if (size >= MOST_ANSWER) answered();
            },
            onResponseEnd: answered,
            onResponseError: (_controller, error) => finish(status >= 200 ? deliveryOf(status, '') : failed(reasonOf(error))),
          },
        );
      });
    },
  };
}
