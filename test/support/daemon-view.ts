/** A daemon for the handlers of the control API, every part of it as the test says; the engine does nothing that it was not told. */
import { fakeClock } from './fake-clock.ts';
import { policy } from './policies.ts';
import { aCanary, aDoctor } from './answers.ts';
import { T0 } from './records.ts';
import type { DaemonView, EngineView } from '../../packages/server/src/control/daemon-view.ts';
import type { Config } from '../../packages/server/src/config/config.ts';

export type GivenView = Partial<Omit<DaemonView, 'engine'>> & { readonly engine?: Partial<EngineView> };

const unasked = (name: string) => (): never => {
  throw new Error(`the handler asked for ${name}, which this test does not give`);
};

/** @param config of the policy, as for `policies.ts` */
export function daemonView(given: GivenView = {}, config: Partial<Config> = {}): DaemonView {
  const { engine, ...rest } = given;
  return {
    clock: fakeClock(),
    version: '0.0.1',
    startedAt: T0,
    sources: () => [],
    cutter: () => ({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }),
    notEnforcing: () => undefined,
    config: () => ({ path: '/nowhere/banban.yml', loadedAt: T0, error: undefined, warnings: [] }),
    store: () => ({ path: '/nowhere/banban.db', sizeBytes: 4096 }),
    firewall: { print: () => '', check: () => Promise.resolve([]), install: () => Promise.resolve({ changes: [], problems: [] }), remove: () => Promise.resolve({ changes: [], problems: [] }) },
    firewallProblems: () => [],
    notify: { stats: () => [], test: () => Promise.resolve([]) },
    guards: { list: () => [], look: () => Promise.resolve() },
    allow: { byHand: { list: () => [], allow: unasked('allow'), remove: unasked('remove') }, checkedAt: () => undefined, problems: () => [] },
    lists: { state: () => [], refresh: () => Promise.resolve([]) },
    doctor: () => Promise.resolve(aDoctor()),
    canary: (target) => Promise.resolve(aCanary({ target })),
    reload: unasked('reload'),
    ...rest,
    engine: {
      policy: policy(config),
      allowed: { find: () => undefined, overlap: () => undefined, groups: () => new Map(), groupsOf: () => [] },
      bans: () => [],
      ban: unasked('ban'),
      unban: unasked('unban'),
      history: unasked('history'),
      reconcile: unasked('reconcile'),
      refresh: () => undefined,
      enforcementOf: () => 'held',
      hitsOf: () => new Map(),
      targetStates: () => [],
      counters: () => ({ lines: 0, unparsed: 0, own: 0, good: 0, bad: 0, notAnAddress: 0 }),
      nameCounters: () => ({ seen: 0, lookedUp: 0, failed: 0, spared: 0, dropped: 0 }),
      ruleCounters: () => ({ matches: 0, offences: 0, bans: 0 }),
      patternCounters: unasked('patternCounters'),
      switchedOff: () => new Map(),
      stoppedRules: () => new Map(),
      resumeRule: unasked('resumeRule'),
      forecast: unasked('forecast'),
      queue: () => ({ queued: 0, capacity: 1, dropped: 0 }),
      windows: () => ({ open: 0, capacity: 1, evicted: 0 }),
      storeProblem: () => undefined,
      ...engine,
    },
  };
}
