/** `status`: health in the first line, what wants attention next, then the parts. */
import type { Instant, ListStatus, StatusResponse, TargetStatus } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { bytes, count, counted } from './size.ts';
import { some } from './some.ts';
import { LEAST_TEXT, table, type Cell, type Column } from './table.ts';
import { firesAfter } from './rules.ts';
import { ago, seconds } from './when.ts';

/** The one line that a person under attack reads. */
export function healthLine(status: StatusResponse, paint: Paint): string {
  const name = `banband ${printable(status.version, 40)}`;
  const life = `up ${seconds(status.uptimeSeconds)}, pid ${status.pid}`;
  if (!status.enforcing) return paint.warn(`SIMULATING: ${name} does not touch the kernel${status.simulatedBecause === null ? '' : ` (${printable(status.simulatedBecause, 300)})`}, ${life}`);
  const lists = status.targets.flatMap(listsOf);
  const broken = lists.filter(({ state }) => state === 'missing' || state === 'failed' || state === 'unread');
  if (broken.length === 0) {
    // What is being written now is no failure, and held a moment later.
    const missing = status.targets.reduce((sum, target) => sum + (target.state === 'pending' ? 0 : Math.max(0, target.bans - target.held)), 0);
    if (missing > 0) return paint.bad(`ENFORCING ONLY IN PART: ${name}, the kernel does not hold ${count(missing)} of ${counted(status.bans.active, 'ban')}, ${life}`);
    return `${name} ${paint.good('is enforcing')}, ${life}`;
  }
  const names = broken.map(({ where, state }) => `${printable(where, 160)} ${state}`).join(', ');
  return paint.bad(`${broken.length === lists.length ? 'NOT ENFORCING' : 'ENFORCING ONLY IN PART'}: ${name}, ${names}, ${life}`);
}

/** The lists of a target by name: the target's own, with the backend where it has several. */
function listsOf({ name, state, message, backends }: TargetStatus): { readonly where: string; readonly state: ListStatus; readonly message: string | null }[] {
  if (backends.length < 2) return [{ where: name, state, message: backends[0]?.message ?? message }];
  return backends.map((one) => ({ where: `${name} (${one.backend})`, state: one.state, message: one.message }));
}

/** The whole page, without a newline at the end. `columns` as for `banList`; what a column would say of trouble, a problem says too. */
export function statusPage(status: StatusResponse, now: Instant, paint: Paint, columns?: number): string {
  const parts = [healthLine(status, paint)];
  if (status.problems.length > 0) parts.push([paint.bad('problems'), ...status.problems.map((problem) => `  ${paint.bad('!')} ${printable(problem, 1000)}`)].join('\n'));
  parts.push(sources(status, now, paint, columns), targets(status, paint, columns), rules(status, paint, columns), ...notify(status, now, paint, columns), rest(status, now, paint));
  return parts.join('\n\n');
}

/** Whether one of the problems says it already: a sentence read twice is a second problem to a tired reader. */
const isSaid = (sentence: string, status: StatusResponse): boolean => status.problems.some((problem) => problem.includes(sentence));

function section(title: string, body: string, paint: Paint): string {
  return `${paint.bold(title)}\n${body}`;
}

const right = (title: string) => ({ title, right: true });

function sources(status: StatusResponse, now: Instant, paint: Paint, room?: number): string {
  if (status.sources.length === 0) return section('sources', '  none', paint);
  // Only files can say how much of them is still to be read.
  const hasLag = status.sources.some(({ lagBytes }) => lagBytes !== null);
  const columns: Column[] = [{ title: 'SOURCE', least: 24 }, { ...right('DATAGRAMS'), spare: 2 }, right('LINES'), right('MATCHED'), ...(hasLag ? [right('LAG')] : []), { ...right('QUEUED'), spare: 4 }, right('DROPPED'), { ...right('CUT'), spare: 1 }, { ...right('UNPARSED'), spare: 3 }, { title: 'LAST' }];
  const rows = status.sources.map((source) => [
    `${source.type} ${source.path}`,
    count(source.datagrams),
    count(source.lines),
    count(source.matched),
    ...(hasLag ? [source.lagBytes === null ? '-' : bytes(source.lagBytes)] : []),
    count(source.queued),
    source.dropped > 0 ? { text: count(source.dropped), brush: paint.bad } : '0',
    count(source.cut),
    count(source.unparsed),
    ago(source.lastAt, now),
  ]);
  const errors = status.sources.flatMap((source) => (source.error === null || isSaid(source.error, status) ? [] : [`  ${paint.bad('!')} ${printable(source.path, 200)}: ${printable(source.error, 500)}`]));
  const lacking = status.sources.flatMap(({ path, refused, lost }) => [
    ...(refused === null || refused.count === 0 ? [] : [`    ${printable(path, 200)} refused ${count(refused.count)} connections or datagrams${refused.last === null ? '' : `, the last of ${printable(refused.last, 80)}`}`]),
    ...(lost === null || lost === 0 ? [] : [`  ${paint.bad('!')} ${printable(path, 200)} lost ${counted(lost, 'datagram')}, dropped by the kernel because they came too fast`]),
  ]);
  return section('sources', [table(columns, rows, paint, { indent: '  ', columns: room }), ...errors, ...lacking].join('\n'), paint);
}

function targets(status: StatusResponse, paint: Paint, room?: number): string {
  if (status.targets.length === 0) return section('targets', '  none', paint);
  const columns: Column[] = [{ title: 'TARGET', least: LEAST_TEXT }, { title: 'STATE' }, right('BANS'), right('HELD'), right('FOREIGN'), right('CAPACITY')];
  const brushes: Readonly<Record<ListStatus, (text: string) => string>> = { ok: paint.good, simulated: paint.warn, pending: paint.warn, unread: paint.bad, missing: paint.bad, full: paint.bad, failed: paint.bad };
  const row = (name: string, bans: string, list: Pick<TargetStatus, 'state' | 'held' | 'foreign' | 'capacity'>): Cell[] => [
    name,
    { text: list.state, brush: brushes[list.state] },
    bans,
    // What a simulated list "holds" no kernel does.
    list.state === 'simulated' ? '-' : count(list.held),
    count(list.foreign),
    list.capacity === null ? '-' : count(list.capacity),
  ];
  const rows = status.targets.flatMap((target) => {
    const isPlain = target.backends.length < 2 && target.backends.every(({ state }) => state === 'ok' || state === 'simulated');
    return [row(target.name, count(target.bans), target), ...(isPlain ? [] : target.backends.map((one) => row(`  ${one.backend}`, count(one.bans), one)))];
  });
  const notes = status.targets.flatMap((target) => {
    const name = printable(target.name, 80);
    const lines = listsOf(target).flatMap(({ where, message }) => (message === null || isSaid(message, status) ? [] : [`  ${paint.bad('!')} ${printable(where, 160)}: ${printable(message, 500)}`]));
    if (target.notHeld.length > 0 && target.state !== 'simulated') lines.push(`  ${target.state === 'pending' ? paint.warn('!') : paint.bad('!')} ${name} does not hold ${some(target.notHeld, Math.max(target.notHeld.length, target.bans - target.held))}`);
    if (target.foreign > 0) lines.push(`    ${name} also has ${some(target.foreignNamed, target.foreign)}, which banban did not put there and leaves alone`);
    return lines;
  });
  return section('targets', [table(columns, rows, paint, { indent: '  ', columns: room }), ...notes].join('\n'), paint);
}

function rules(status: StatusResponse, paint: Paint, room?: number): string {
  if (status.rules.length === 0) return section('rules', '  none', paint);
  const columns: Column[] = [{ title: 'RULE', least: LEAST_TEXT }, { title: 'TARGET', least: LEAST_TEXT }, { title: 'FIRES AFTER' }, right('MATCHES'), { ...right('OFFENCES'), spare: 1 }, right('BANS'), { title: 'STATE', least: LEAST_TEXT }];
  const rows = status.rules.map((rule) => [
    rule.name,
    rule.target,
    firesAfter(rule),
    count(rule.matches),
    count(rule.offences),
    count(rule.bans),
    // Why a rule is stopped is among the problems, with what lets it go on.
    rule.disabled !== null ? { text: `OFF: ${rule.disabled}`, brush: paint.bad } : rule.stopped !== null ? { text: 'STOPPED', brush: paint.bad } : { text: 'on', brush: paint.good },
  ]);
  return section('rules', table(columns, rows, paint, { indent: '  ', columns: room }), paint);
}

/** Nothing where nobody is told of anything. */
function notify(status: StatusResponse, now: Instant, paint: Paint, room?: number): string[] {
  if (status.notify.length === 0) return [];
  const columns: Column[] = [{ title: 'NOTIFY', least: 20 }, { title: 'ON', least: 8 }, right('SENT'), right('FAILED'), right('WAITING'), right('DROPPED'), { title: 'LAST' }];
  const rows = status.notify.map((one) => [
    one.name,
    one.on.join(' '),
    count(one.sent),
    count(one.failed),
    one.error === null ? count(one.waiting) : { text: count(one.waiting), brush: paint.bad },
    one.dropped > 0 ? { text: count(one.dropped), brush: paint.bad } : '0',
    ago(one.lastAt, now),
  ]);
  return [section('notify', table(columns, rows, paint, { indent: '  ', columns: room }), paint)];
}

function rest(status: StatusResponse, now: Instant, paint: Paint): string {
  const { bans, windows, matching, hostNames, connections, store, memory, config } = status;
  const lines: [string, string][] = [
    ['bans', `${count(bans.active)} active, ${count(bans.permanent)} of them for ever`],
    ['lines', `${count(matching.bad)} matched a rule, ${count(matching.good)} a good pattern, ${count(matching.notAnAddress)} without a readable address`],
    ...(hostNames === null ? [] : [['host names', `${counted(hostNames.seen, 'line')} with one in place of the address, ${count(hostNames.lookedUp)} looked up, ${count(hostNames.failed)} unknown, ${count(hostNames.spared)} spared, ${count(hostNames.dropped)} dropped`] satisfies [string, string]]),
    ['windows', `${count(windows.open)} open of ${count(windows.capacity)}, ${count(windows.evicted)} evicted`],
    ['guarded', `${counted(status.guards, 'address', 'addresses')} that no rule may ban now${status.guards === 0 ? '' : ` (${some(status.guarded.map(({ address }) => address), status.guards)})`}`],
    ['connections', !status.enforcing ? 'not cut: banband simulates' : connections.available ? `${count(connections.cut)} cut, ${count(connections.queued)} queued, ${count(connections.failed)} failed, ${count(connections.dropped)} given up` : 'not cut: there is no conntrack'],
    ['store', `${printable(store.path, 300)}, ${bytes(store.sizeBytes)}${store.error === null ? '' : `, ${paint.bad(`FAILS${isSaid(store.error, status) ? '' : `: ${printable(store.error, 500)}`}`)}`}`],
    ['config', `${printable(config.path, 300)}, loaded ${ago(config.loadedAt, now)}${config.error === null ? '' : `, ${paint.bad(`last reload REFUSED${isSaid(config.error, status) ? '' : `: ${printable(config.error, 500)}`}`)}`}`],
    ['memory', bytes(memory.rssBytes)],
  ];
  const warnings = config.warnings.map((warning) => `  ${paint.warn('!')} ${printable(warning, 500)}`);
  const head = config.warnings.length === 0 ? [] : [`${paint.warn(counted(config.warnings.length, 'warning'))} in the configuration`];
  return [...lines.map(([name, value]) => `${paint.bold(name.padEnd(11))}  ${value}`), ...head, ...warnings].join('\n');
}
