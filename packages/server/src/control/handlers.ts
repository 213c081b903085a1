/** One handler a route of the shared table; the type makes sure that none is missing. */
import type { RouteName } from 'banban-shared';
import type { Handler } from './handler.ts';
import { allowHandler, allowlistHandler, disallowHandler } from './routes/allowlist.ts';
import { banHandler, bansHandler, unbanHandler } from './routes/bans.ts';
import { reconcileHandler, reloadHandler } from './routes/commands.ts';
import { canaryHandler, doctorHandler, firewallCheckHandler, firewallHandler, firewallInstallHandler, firewallRemoveHandler } from './routes/firewall.ts';
import { listsHandler, refreshListsHandler } from './routes/lists.ts';
import { notifyTestHandler } from './routes/notify.ts';
import { matchHandler, patternHandler, resumeHandler, rulesHandler } from './routes/rules.ts';
import { statusHandler } from './routes/status.ts';
import { whyHandler } from './routes/why.ts';

/** Every route's handler, by the route's name. */
export const handlers: { readonly [N in RouteName]: Handler<N> } = {
  status: statusHandler,
  bans: bansHandler,
  ban: banHandler,
  unban: unbanHandler,
  why: whyHandler,
  allowlist: allowlistHandler,
  allow: allowHandler,
  disallow: disallowHandler,
  rules: rulesHandler,
  resume: resumeHandler,
  pattern: patternHandler,
  match: matchHandler,
  lists: listsHandler,
  refreshLists: refreshListsHandler,
  reload: reloadHandler,
  reconcile: reconcileHandler,
  firewall: firewallHandler,
  firewallCheck: firewallCheckHandler,
  firewallInstall: firewallInstallHandler,
  firewallRemove: firewallRemoveHandler,
  doctor: doctorHandler,
  notifyTest: notifyTestHandler,
  canary: canaryHandler,
};
