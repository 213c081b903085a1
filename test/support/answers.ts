/** Answers of a banband in good health, for the views and the fake daemon. */
import type { AddressList, Ban, BanResult, CanaryResponse, DoctorResponse, FindingView, StatusResponse, TargetStatus, UnbanResult, WhyResponse } from 'banban-shared';
import { T0 } from './records.ts';
import type { ListState } from '../../packages/server/src/lists/keeper.ts';

const stamp = (ms: number): string => new Date(ms).toISOString();

/** `now` in milliseconds: every time of the answer is relative to it. */
export function aBan(now: number, change: Partial<Ban> = {}): Ban {
  return {
    id: 1,
    address: '203.0.113.7',
    target: 'BLOCKER',
    origin: { kind: 'rule', name: 'fullblock' },
    level: 1,
    reason: '3 matches in 1h',
    since: stamp(now - 7_200_000),
    until: stamp(now + 165_600_000),
    remainingSeconds: 165_600,
    enforcement: 'held',
    connections: 0,
    hits: null,
    ...change,
  };
}

export function aBanResult(now: number, change: Partial<BanResult> = {}): BanResult {
  return { address: '203.0.113.7', target: 'BLOCKER', outcome: 'banned', until: stamp(now + 172_800_000), enforcement: 'held', heldIn: [], message: null, ...change };
}

export function anUnbanResult(change: Partial<UnbanResult> = {}): UnbanResult {
  return { address: '203.0.113.7', targets: ['BLOCKER'], released: true, heldBy: [], message: null, ...change };
}

/** A target whose backends, as far as they are given, are well but for `change`. */
export function aTarget(change: Partial<TargetStatus> = {}): TargetStatus {
  const backends = [{ backend: 'xt_recent', state: change.state ?? 'ok', message: change.message ?? null, bans: change.bans ?? 7, held: change.held ?? 7, foreign: change.foreign ?? 0, capacity: 100 }];
  return { name: 'BLOCKER', state: 'ok', message: null, bans: 7, held: 7, foreign: 0, foreignNamed: [], capacity: 100, notHeld: [], backends, ...change };
}

export function aFinding(change: Partial<FindingView> = {}): FindingView {
  return { severity: 'error', code: 'no-rule', target: 'BLOCKER', backend: 'xt_recent', message: 'no firewall rule looks at the list', remedy: 'banctl firewall install', ...change };
}

/** A machine that lacks nothing. */
export function aDoctor(change: Partial<DoctorResponse> = {}): DoctorResponse {
  return { findings: [], targets: [{ target: 'BLOCKER', backend: 'xt_recent', missing: [], missingCount: 0, foreign: [], foreignCount: 0 }], ...change };
}

/** A canary that came back. */
export function aCanary(change: Partial<CanaryResponse> = {}): CanaryResponse {
  const steps: CanaryResponse['steps'] = [
    { step: 'sent', milliseconds: 0.21, detail: '/dev/log' },
    { step: 'received', milliseconds: 1.34, detail: '/run/banban/log.sock' },
    { step: 'database', milliseconds: 0.52, detail: 'ban 8' },
    { step: 'kernel', milliseconds: 0.04, detail: 'xt_recent' },
    { step: 'released', milliseconds: 0.9, detail: '' },
  ];
  return { ok: true, target: 'BLOCKER', address: '192.0.2.66', steps, problem: null, ...change };
}

export function aStatus(now: number, change: Partial<StatusResponse> = {}): StatusResponse {
  return {
    version: '0.1.0',
    pid: 123,
    startedAt: stamp(now - 266_400_000),
    uptimeSeconds: 266_400,
    enforcing: true,
    simulatedBecause: null,
    config: { path: '/etc/banban/banban.yml', loadedAt: stamp(now - 60_000), error: null, warnings: [] },
    sources: [{ type: 'unix', path: '/run/banban/log.sock', datagrams: 12_345, bytes: 1_000_000, lines: 12_400, dropped: 0, cut: 0, unparsed: 2, own: 0, matched: 345, lastMatchAt: stamp(now - 60_000), queued: 0, queueCapacity: 65_536, lastAt: stamp(now - 3000), lagBytes: null, lagMilliseconds: null, refused: null, lost: null, error: null, alarm: null }],
    matching: { good: 5, bad: 42, notAnAddress: 1 },
    hostNames: null,
    windows: { open: 3, capacity: 100_000, evicted: 0 },
    rules: [{ name: 'fullblock', target: 'BLOCKER', counts: 'lines', occurrences: 3, intervalSeconds: 3600, matches: 42, offences: 9, bans: 7, disabled: null, stopped: null }],
    targets: [aTarget()],
    bans: { active: 7, permanent: 1 },
    notify: [],
    connections: { available: true, queued: 0, cut: 4, failed: 0, dropped: 0 },
    guards: 0,
    guarded: [],
    store: { path: '/var/lib/banban/banban.db', sizeBytes: 86_016, error: null },
    memory: { rssBytes: 88_080_384 },
    problems: [],
    ...change,
  };
}

export function aWhy(now: number, change: Partial<WhyResponse> = {}): WhyResponse {
  return {
    address: '203.0.113.7',
    allowedBy: null,
    allowedGroups: [],
    guarded: [],
    bans: [aBan(now)],
    endedBans: [{ id: 2, target: 'THROTTLE', origin: { kind: 'manual', name: 'anna' }, level: null, reason: 'scans', since: stamp(now - 864_000_000), endedAt: stamp(now - 432_000_000), endedBy: 'unbanned', endedName: 'bert' }],
    offences: [{ id: 3, at: stamp(now - 7_200_000), rule: 'fullblock', target: 'BLOCKER', level: 1, decision: 'banned', reason: null, lines: ['sshd[7]: Failed password for root from 203.0.113.7 port 4242 ssh2'] }],
    windows: [{ rule: 'briefthrottle', matches: 1, occurrences: 3, intervalSeconds: 600, lastAt: stamp(now - 5000) }],
    ...change,
  };
}

/** As GET /v1/lists has it. */
export function aList(now: number, change: Partial<AddressList> = {}): AddressList {
  return {
    name: 'drop', kind: 'url', from: 'https://lists.example/drop.txt?…', target: 'BLOCKER', entries: 1391, skipped: 0,
    fetchedAt: stamp(now - 86_400_000), checkedAt: stamp(now - 11_520_000), nextAt: stamp(now + 70_800_000), error: null, warnings: [], ...change,
  };
}

/** As the daemon has it. */
export function aListState(change: Partial<ListState> = {}): ListState {
  return { name: 'drop', kind: 'url', from: 'https://lists.example/drop.txt?…', target: 'BLOCKER', entries: 1391, skipped: 13, fetchedAt: T0, checkedAt: T0, nextAt: undefined, error: undefined, warnings: [], ...change };
}
