/** One handler a route of the shared table; the type makes sure that none is missing. */
import type { BodyOf, QueryOf, ResponseOf, RouteName } from 'banban-shared';
import type { DaemonView } from './daemon-view.ts';
import { banHandler, bansHandler, unbanHandler } from './routes/bans.ts';
import { reconcileHandler, reloadHandler } from './routes/commands.ts';
import { statusHandler } from './routes/status.ts';
import { whyHandler } from './routes/why.ts';

export type Handler<N extends RouteName> = (daemon: DaemonView, input: { readonly query: QueryOf<N>; readonly body: BodyOf<N> }) => ResponseOf<N>;

export const handlers: { readonly [N in RouteName]: Handler<N> } = {
  status: statusHandler,
  bans: bansHandler,
  ban: banHandler,
  unban: unbanHandler,
  why: whyHandler,
  reload: reloadHandler,
  reconcile: reconcileHandler,
};
