/** What is wrong between the database, the kernel and the rules, and what heals it: one look at everything. */
import type { DoctorResponse, FindingView } from 'banban-shared';
import type { CutterStats, Finding, FirewallRules } from './enforce/firewall.ts';
import type { Engine } from './engine/contract.ts';
import type { Source } from './ingest/source.ts';

/** What it looks at. */
export interface DoctorParts {
  readonly engine: Engine;
  readonly rules: FirewallRules | undefined;
  readonly sources: () => readonly { readonly source: Source; readonly error: string | undefined; readonly alarm: string | undefined }[];
  readonly cutter: () => CutterStats;
  readonly managed: boolean;
  readonly simulated: string | undefined;
  readonly uptimeMs: number;
}

/** So many rows of each kind are named. */
const MOST_NAMED = 100;
/** A machine on the Internet writes a line within that. */
const SILENCE_MS = 300_000;

/** For the API: null where nothing is said. */
export const findingView = ({ severity, code, target, backend, message, remedy }: Finding): FindingView => ({ severity, code, target: target ?? null, backend: backend ?? null, message, remedy });

/** The checks of the rules, with what the engine knows. */
export function checkRules(rules: FirewallRules, engine: Engine, managed: boolean): Promise<readonly Finding[]> {
  const targets = [...engine.policy.targets.values()];
  const bans = new Map(engine.targetStates().map((state) => [state.name, state.bans]));
  const resetting = new Set(engine.policy.rules.filter((rule) => rule.config.resetconns).map((rule) => rule.config.target));
  return rules.check(targets, { managed, bans, resetting });
}

/** Looks. The gravest first. */
export async function examine({ engine, rules, sources, cutter, managed, simulated, uptimeMs }: DoctorParts): Promise<DoctorResponse> {
  engine.refresh();
  const findings: FindingView[] = [];
  const own = (severity: FindingView['severity'], code: string, target: string | null, backend: string | null, message: string, remedy: string): void => void findings.push({ severity, code, target, backend, message, remedy });
  if (simulated !== undefined) own('error', 'simulated', null, null, `nothing is enforced: ${simulated}`, 'start banband as root and without --simulate');
  else if (rules !== undefined) findings.push(...(await checkRules(rules, engine, managed)).map(findingView));
  const states = engine.targetStates();
  const install = managed ? 'banband puts it back by itself; banctl firewall install does it now' : 'banctl firewall install puts the rules in, firewall: { manage: true } keeps them in';
  for (const { name, backends } of states) {
    for (const { backend, state, message } of backends) {
      if (state === 'missing' && !findings.some((f) => f.target === name && f.backend === backend && f.severity === 'error')) own('error', 'list-missing', name, backend, message ?? 'the list is not there', install);
      if (state === 'failed') own('error', 'list-failed', name, backend, message ?? 'the list can’t be used', 'mend what the message says; banband goes on trying');
      if (state === 'full') own('error', 'list-full', name, backend, message ?? 'the list is full', backend === 'xt_recent' ? 'load xt_recent with a larger ip_list_tot, or use backend: nftables' : 'make the set larger');
    }
  }
  const wantsCuts = engine.policy.rules.some((rule) => rule.config.resetconns);
  if (wantsCuts && simulated === undefined && !cutter().available) own('warning', 'conntrack-missing', null, null, 'existing connections of banned addresses are not cut', 'install conntrack (Debian: conntrack) and iproute2, or build banban with a compiler at hand');
  for (const { source, error, alarm } of sources()) {
    const { datagrams } = source.stats();
    if (alarm !== undefined) own('warning', 'source-alarm', null, null, `source ${source.path}: ${alarm}`, 'see that what writes to it still does; banctl status has its counters');
    if (error !== undefined) own('error', 'source-failed', null, null, `source ${source.path}: ${error}`, 'mend what the message says');
    else if (source.type === 'unix' && datagrams === 0 && uptimeMs > SILENCE_MS) own('warning', 'no-lines', null, null, `no line has come to ${source.path} since banband was started`, 'see that rsyslog or syslog-ng sends to it (config/rsyslog, config/syslog-ng); banctl doctor --canary shows how far a line comes');
  }
  const problem = engine.storeProblem();
  if (problem !== undefined) own('error', 'database', null, null, problem, 'make room on the disk, or mend what the message says; bans go on and are written later');
  findings.sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
  return {
    findings,
    targets: states.flatMap(({ name, backends }) =>
      backends.map(({ backend, notHeld, foreign }) => ({ target: name, backend, missing: notHeld.slice(0, MOST_NAMED), missingCount: notHeld.length, foreign: foreign.slice(0, MOST_NAMED), foreignCount: foreign.length })),
    ),
  };
}
