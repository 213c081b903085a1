import type { StatusResponse } from 'banban-shared';
import { NEVER } from 'banban-shared';
import type { DaemonView } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';
import { isoOf } from '../views.ts';
import { ruleViews } from './rules.ts';

/** So many addresses that are banned but not held are named; the count of the rest can be told from bans and held. */
const MOST_NAMED = 100;

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
    sources: daemon.sources.map((source) => {
      const { datagrams, bytes, cut, lastAt, error } = source.stats();
      return {
        type: source.type, path: source.path, datagrams, bytes, lines: counters.lines, dropped: queue.dropped, cut,
        unparsed: counters.unparsed, own: counters.own, queued: queue.queued, queueCapacity: queue.capacity,
        lastAt: lastAt === undefined ? null : isoOf(lastAt), error: error ?? null,
      };
    }),
    matching: { good: counters.good, bad: counters.bad, notAnAddress: counters.notAnAddress },
    windows: engine.windows(),
    rules: ruleViews(engine),
    targets: engine.targetStates().map(({ message, capacity, notHeld, ...rest }) => ({
      ...rest, message: message ?? null, capacity: capacity ?? null, notHeld: notHeld.slice(0, MOST_NAMED),
    })),
    bans: { active: bans.length, permanent: bans.filter((b) => b.until === NEVER).length },
    connections,
    store: { ...daemon.store(), error: engine.storeProblem() ?? null },
    memory: { rssBytes: process.memoryUsage.rss() },
  };
  return { ...status, problems: problemsOf(status, daemon, lastError) };
};

/** Everything that wants an admin's attention, the gravest first. */
function problemsOf(status: Omit<StatusResponse, 'problems'>, daemon: DaemonView, lastError: string | undefined): string[] {
  const problems: string[] = [];
  if (!status.enforcing) problems.push(`nothing is enforced: ${status.simulatedBecause ?? ''}`);
  if (status.store.error !== null) problems.push(status.store.error);
  for (const target of status.targets) {
    if (target.state === 'missing' && status.enforcing) problems.push(`target ${target.name}: ${target.bans === 0 ? '' : `${target.bans} bans are not enforced: `}${target.message ?? ''}`);
    if (target.state === 'failed' || target.state === 'full') problems.push(`target ${target.name}: ${target.message ?? ''}`);
  }
  for (const rule of status.rules) if (rule.disabled !== null) problems.push(`rule ${rule.name} is switched off: ${rule.disabled}`);
  for (const message of daemon.engine.switchedOff().values()) problems.push(message);
  if (status.config.error !== null) problems.push(`the last reload was refused, the configuration before it is in force: ${status.config.error}`);
  for (const source of status.sources) {
    if (source.error !== null) problems.push(`source ${source.path}: ${source.error}`);
    if (source.dropped > 0) problems.push(`source ${source.path}: ${source.dropped} datagrams were dropped because more came than could be matched`);
  }
  const wantsReset = daemon.engine.policy.rules.some((r) => r.config.resetconns);
  const { available, dropped, failed } = status.connections;
  if (wantsReset && !available && status.enforcing) problems.push('existing connections are not cut: the program conntrack is missing (package conntrack)');
  if (dropped > 0) problems.push(`the connections of ${dropped} addresses were not cut: too many waited`);
  if (failed > 0 && lastError !== undefined) problems.push(`cutting connections failed ${failed} times, last: ${lastError}`);
  return problems;
}
