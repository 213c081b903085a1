/** What a route's handler is. */
import type { Readable } from 'node:stream';
import type { BodyOf, QueryOf, ResponseOf, RouteName } from 'banban-shared';
import type { DaemonView } from './daemon-view.ts';

/**
 * Answers one route of the shared table, its query and body checked already. A stream (made by `inSlices`) is the same body as text.
 * @throws ApiError, StoreError: any answer that is an error
 */
export type Handler<N extends RouteName> = (
  daemon: DaemonView,
  input: { readonly query: QueryOf<N>; readonly body: BodyOf<N> },
) => ResponseOf<N> | Promise<ResponseOf<N> | Readable>;
