/** Everything that wants an admin's attention, a sentence each. */
import type { StatusResponse, TargetStatus } from 'banban-shared';
import type { DaemonView } from './daemon-view.ts';

/** Of one list that is not what it should be; undefined where there is nothing to complain of. Rows of others are no problem. */
function listProblem(target: TargetStatus, backend: TargetStatus['backends'][number], enforcing: boolean): string | undefined {
  const where = target.backends.length > 1 ? `target ${target.name}, ${backend.backend}` : `target ${target.name}`;
  const { message } = backend;
  const idle = backend.bans === 0 ? '' : backend.bans === 1 ? '1 ban is not enforced: ' : `${backend.bans} bans are not enforced: `;
  switch (backend.state) {
    case 'missing':
      // Where nothing can be enforced at all, that is said first, and once.
      return enforcing ? `${where}: ${idle}${message ?? 'the kernel has no such list'}` : undefined;
    case 'unread':
      return `${where}: ${idle}${message ?? 'no firewall rule looks at the list'}`;
    case 'failed':
      return `${where}: ${message ?? 'the list could not be read or written'}`;
    case 'full':
      return `${where}: ${message ?? 'the list has too few places'}`;
    case 'ok':
    case 'simulated':
    case 'pending':
      return undefined;
  }
}

/** The gravest first; `lastError` is the last of cutting connections. */
export function problemsOf(status: Omit<StatusResponse, 'problems'>, daemon: DaemonView, lastError: string | undefined): string[] {
  const problems: string[] = [];
  if (!status.enforcing) problems.push(`nothing is enforced: ${status.simulatedBecause ?? ''}`);
  if (status.store.error !== null) problems.push(status.store.error);
  for (const target of status.targets) problems.push(...target.backends.flatMap((backend) => listProblem(target, backend, status.enforcing) ?? []));
  for (const sentence of daemon.firewallProblems()) problems.push(`firewall: ${sentence}`);
  for (const sentence of daemon.allow.problems()) problems.push(`allow list: ${sentence}`);
  for (const rule of status.rules) if (rule.disabled !== null) problems.push(`rule ${rule.name} is switched off: ${rule.disabled}`);
  for (const { name, stopped } of status.rules) if (stopped !== null) problems.push(`rule ${name} bans nobody since ${stopped.since}: ${stopped.reason}; look at it, and let it go on with "banctl rules resume ${name}"`);
  for (const message of daemon.engine.switchedOff().values()) problems.push(message);
  if (status.config.error !== null) problems.push(`the last reload was refused, the configuration before it is in force: ${status.config.error}`);
  for (const { name, error, warnings } of daemon.lists.state()) {
    if (error !== undefined) problems.push(`list ${name}: ${error}`);
    for (const warning of warnings) problems.push(`list ${name}: ${warning}`);
  }
  for (const source of status.sources) {
    if (source.error !== null) problems.push(`source ${source.path}: ${source.error}`);
    if (source.alarm !== null) problems.push(`source ${source.path}: ${source.alarm}`);
    if (source.dropped > 0) problems.push(`source ${source.path}: ${source.dropped} datagrams were dropped because more came than could be matched`);
  }
  for (const { name, waiting, dropped, error } of status.notify) {
    if (error !== null) problems.push(`notify, ${name}: ${waiting === 0 ? '' : `${waiting} ${waiting === 1 ? 'event waits' : 'events wait'} to be told, because `}${error}`);
    if (dropped > 0) problems.push(`notify, ${name}: nobody was told of ${dropped} ${dropped === 1 ? 'event' : 'events'}`);
  }
  const wantsReset = daemon.engine.policy.rules.some((r) => r.config.resetconns);
  const { available, dropped, failed } = status.connections;
  if (wantsReset && !available && status.enforcing) problems.push('existing connections are not cut: conntrack is missing (the kernel module nf_conntrack, or the program of the package conntrack)');
  if (dropped > 0) problems.push(`the connections of ${dropped} addresses were not cut: too many waited`);
  if (failed > 0 && lastError !== undefined) problems.push(`cutting connections failed ${failed} times, last: ${lastError}`);
  return problems;
}
