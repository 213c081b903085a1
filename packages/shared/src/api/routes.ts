/** The control API, whole: HTTP/1.1 over a UNIX stream socket, JSON, under /v1. The server loops over it, the client is typed by it. */
import { integer, list, record, text, type Infer, type ObjectSchema } from '../schema.ts';
import { allowBody, allowlistResponse, allowResponse, disallowBody, disallowResponse } from './allow.ts';
import { banBody, banResponse, bansQuery, bansResponse, unbanBody, unbanResponse } from './ban.ts';
import type { ErrorCode } from './error.ts';
import { canaryBody, canaryResponse, doctorResponse, firewallChangeResponse, firewallCheckResponse, firewallResponse } from './firewall.ts';
import { listsResponse, refreshBody } from './lists.ts';
import { matchBody, matchResponse, patternQuery, patternResponse, resumeBody, resumeResponse, rulesResponse } from './rules.ts';
import { notifyTestBody, notifyTestResponse } from './notify.ts';
import { statusResponse } from './status.ts';
import { whyQuery, whyResponse } from './why.ts';

/** One route: where it is asked and what it takes. Without `query` it takes no query, without `body` no body. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: ObjectSchema;
  readonly body?: ObjectSchema;
  readonly response: ObjectSchema;
  /** Codes of this route's own, besides those that any route can answer with. */
  readonly errors: readonly ErrorCode[];
}

const reloadResponse = record({
  /** What changed, a sentence each: rules, targets, allow list. */
  changes: list(text),
  warnings: list(text),
});
/** What a reload changed, and what it had to warn of. */
export type ReloadResponse = Infer<typeof reloadResponse>;

const reconcileResponse = record({
  targets: list(record({ name: text, added: integer, removed: integer, held: integer, notHeld: integer })),
});
/** How many rows of each target's kernel list were put in and taken out, and how many bans it holds now. */
export type ReconcileResponse = Infer<typeof reconcileResponse>;

/** Every route by its name; `Client.call` and the handlers go by the same names. */
export const routes = {
  status: { method: 'GET', path: '/v1/status', response: statusResponse, errors: [] },
  bans: { method: 'GET', path: '/v1/bans', query: bansQuery, response: bansResponse, errors: ['bad_address', 'unknown_target'] },
  ban: { method: 'POST', path: '/v1/bans', body: banBody, response: banResponse, errors: ['bad_address', 'unknown_target', 'store_unavailable'] },
  unban: { method: 'DELETE', path: '/v1/bans', body: unbanBody, response: unbanResponse, errors: ['bad_address', 'unknown_target', 'store_unavailable'] },
  why: { method: 'GET', path: '/v1/why', query: whyQuery, response: whyResponse, errors: ['bad_address', 'store_unavailable'] },
  allowlist: { method: 'GET', path: '/v1/allowlist', response: allowlistResponse, errors: [] },
  allow: { method: 'POST', path: '/v1/allowlist', body: allowBody, response: allowResponse, errors: ['bad_address', 'store_unavailable'] },
  disallow: { method: 'DELETE', path: '/v1/allowlist', body: disallowBody, response: disallowResponse, errors: ['bad_address', 'store_unavailable'] },
  rules: { method: 'GET', path: '/v1/rules', response: rulesResponse, errors: [] },
  resume: { method: 'POST', path: '/v1/rules/resume', body: resumeBody, response: resumeResponse, errors: ['unknown_rule', 'store_unavailable'] },
  pattern: { method: 'GET', path: '/v1/pattern', query: patternQuery, response: patternResponse, errors: ['unknown_pattern'] },
  match: { method: 'POST', path: '/v1/match', body: matchBody, response: matchResponse, errors: [] },
  lists: { method: 'GET', path: '/v1/lists', response: listsResponse, errors: [] },
  refreshLists: { method: 'POST', path: '/v1/lists/refresh', body: refreshBody, response: listsResponse, errors: ['unknown_list'] },
  reload: { method: 'POST', path: '/v1/reload', response: reloadResponse, errors: ['bad_config'] },
  reconcile: { method: 'POST', path: '/v1/reconcile', response: reconcileResponse, errors: [] },
  firewall: { method: 'GET', path: '/v1/firewall', response: firewallResponse, errors: [] },
  firewallCheck: { method: 'GET', path: '/v1/firewall/check', response: firewallCheckResponse, errors: [] },
  firewallInstall: { method: 'POST', path: '/v1/firewall', response: firewallChangeResponse, errors: [] },
  firewallRemove: { method: 'DELETE', path: '/v1/firewall', response: firewallChangeResponse, errors: [] },
  doctor: { method: 'GET', path: '/v1/doctor', response: doctorResponse, errors: [] },
  notifyTest: { method: 'POST', path: '/v1/notify/test', body: notifyTestBody, response: notifyTestResponse, errors: ['unknown_receiver'] },
  canary: { method: 'POST', path: '/v1/canary', body: canaryBody, response: canaryResponse, errors: ['unknown_target'] },
} as const satisfies Record<string, Route>;

/** The name of a route, as in `routes`. */
export type RouteName = keyof typeof routes;
/** The query of a route; undefined where it takes none. */
export type QueryOf<N extends RouteName> = (typeof routes)[N] extends { readonly query: infer Q } ? Infer<Q> : undefined;
/** The body that a route takes; undefined where it takes none. */
export type BodyOf<N extends RouteName> = (typeof routes)[N] extends { readonly body: infer B } ? Infer<B> : undefined;
/** The body of a route's answer when all went well; otherwise it is an `ErrorBody`. */
export type ResponseOf<N extends RouteName> = Infer<(typeof routes)[N]['response']>;
