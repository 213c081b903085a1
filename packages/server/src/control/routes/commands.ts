/** Commands to the daemon that are about no address. */
import type { Handler } from '../handler.ts';

/** POST /v1/reload: all or nothing. */
export const reloadHandler: Handler<'reload'> = (daemon) => daemon.reload();

/** POST /v1/reconcile: compares every kernel list with the bans now, and mends it. */
export const reconcileHandler: Handler<'reconcile'> = (daemon) => ({
  targets: daemon.engine.reconcile().map(({ name, added, removed, held, notHeld }) => ({ name, added, removed, held, notHeld: notHeld.length })),
});
