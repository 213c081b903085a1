import { NEVER, type StatusResponse, type TargetStatus } from 'banban-shared';
import type { EngineView } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';
import { problemsOf } from '../problems.ts';
import { guardView, isoOf } from '../views.ts';
import { receiverViews } from './notify.ts';
import { ruleViews } from './rules.ts';

/** So many addresses that are banned but not held are named, and so many that are held and not banned; of the rest there is a count. */
const MOST_NAMED = 100;

const targetView = ({ name, state, message, bans, held, foreign, capacity, notHeld, backends }: ReturnType<EngineView['targetStates']>[number]): TargetStatus => ({
  name, state, message: message ?? null, bans, held, capacity: capacity ?? null,
  foreign: foreign.length, foreignNamed: foreign.slice(0, MOST_NAMED), notHeld: notHeld.slice(0, MOST_NAMED),
  backends: backends.map((b) => ({ backend: b.backend, state: b.state, message: b.message ?? null, bans: b.bans, held: b.held, foreign: b.foreign.length, capacity: b.capacity ?? null })),
});

/** GET /v1/status. The kernel's lists are read for it, so what it says of them is true when it is said. */
export const statusHandler: Handler<'status'> = (daemon) => {
  const { engine, clock } = daemon;
  engine.refresh();
  const now = clock.now();
  const counters = engine.counters();
  const queue = engine.queue();
  const config = daemon.config();
  const notEnforcing = daemon.notEnforcing();
  const { lastError, ...connections } = daemon.cutter();
  const bans = engine.bans();
  const status: Omit<StatusResponse, 'problems'> = {
    version: daemon.version,
    pid: process.pid,
    startedAt: isoOf(daemon.startedAt),
    uptimeSeconds: Math.round((now - daemon.startedAt) / 1000),
    enforcing: notEnforcing === undefined,
    simulatedBecause: notEnforcing ?? null,
    config: { path: config.path, loadedAt: isoOf(config.loadedAt), error: config.error ?? null, warnings: [...config.warnings] },
    sources: daemon.sources().map(({ source, feed, error, alarm }) => {
      const { datagrams, bytes, cut, lastAt, lagBytes, lagMs, refused, lost } = source.stats();
      const { lines, dropped, unparsed, own, matched, lastMatchAt } = feed.counters;
      return {
        type: source.type, path: source.path, datagrams, bytes, lines, dropped, cut, unparsed, own, matched,
        lastMatchAt: lastMatchAt === undefined ? null : isoOf(lastMatchAt), queued: queue.queued, queueCapacity: queue.capacity,
        lastAt: lastAt === undefined ? null : isoOf(lastAt), lagBytes: lagBytes ?? null, lagMilliseconds: lagMs === undefined ? null : Math.round(lagMs),
        refused: refused === undefined ? null : { count: refused.count, last: refused.last ?? null }, lost: lost ?? null, error: error ?? null, alarm: alarm ?? null,
      };
    }),
    matching: { good: counters.good, bad: counters.bad, notAnAddress: counters.notAnAddress },
    hostNames: engine.policy.hostNames === undefined ? null : { ...engine.nameCounters() },
    windows: engine.windows(),
    rules: ruleViews(engine),
    targets: engine.targetStates().map(targetView),
    bans: { active: bans.length, permanent: bans.filter((b) => b.until === NEVER).length },
    connections,
    guards: daemon.guards.list().length,
    guarded: daemon.guards.list().slice(0, MOST_NAMED).map(guardView),
    notify: receiverViews(daemon),
    store: { ...daemon.store(), error: engine.storeProblem() ?? null },
    memory: { rssBytes: process.memoryUsage.rss() },
  };
  return { ...status, problems: problemsOf(status, daemon, lastError) };
};
