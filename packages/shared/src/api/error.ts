/** Every error that the control API can answer with: one table of codes, one body, one class. */
import { list, record, text, type Infer } from '../schema.ts';

/** Code to HTTP status, with what it means to the caller. The manual's table is made from this. */
export const errorCodes = {
  bad_request: { status: 400, meaning: 'the request is not of the shape that the route takes' },
  bad_address: { status: 400, meaning: 'an address could not be read' },
  forbidden_origin: { status: 403, meaning: 'the request came from a web page (Origin or Referer)' },
  unknown_target: { status: 404, meaning: 'no target of that name is configured' },
  unknown_rule: { status: 404, meaning: 'no rule of that name is configured' },
  unknown_pattern: { status: 404, meaning: 'no pattern of that name is in use' },
  unknown_list: { status: 404, meaning: 'no list of that name is configured' },
  unknown_receiver: { status: 404, meaning: 'nobody of that name or number is told of anything' },
  unknown_route: { status: 404, meaning: 'the API has no such route' },
  too_large: { status: 413, meaning: 'the request body is over 1 MiB' },
  bad_config: { status: 422, meaning: 'the configuration has errors; the running one stays' },
  internal: { status: 500, meaning: 'a fault in banban itself; its log says more' },
  store_unavailable: { status: 503, meaning: 'the database could not be written, so nothing was done' },
} as const satisfies Record<string, { status: number; meaning: string }>;

/** A name by which a program can tell errors apart; it never changes its meaning. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * The body of every answer that is an error. `details` has what the message is about, an item each: addresses, issues of a
 * configuration.
 */
export const errorBody = record({
  error: record({
    code: { type: 'string', enum: Object.keys(errorCodes) as ErrorCode[] },
    message: { type: 'string', description: 'one sentence: what, why, and what to do' },
    details: list(text),
  }),
});
/** The body of every answer that is an error. */
export type ErrorBody = Infer<typeof errorBody>;

/** An answer that is an error, on both sides of the socket. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = errorCodes[code].status;
  }

  toBody(): ErrorBody {
    return { error: { code: this.code, message: this.message, details: [...this.details] } };
  }
}
