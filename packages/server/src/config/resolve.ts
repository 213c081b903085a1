/** From a checked document to the configuration that the daemon runs on: defaults applied, names resolved, sense looked for. */
import { familyOf, formatDuration, FOREVER, LONGEST_SOCKET_PATH, ms, type HostName, type Prefix } from 'banban-shared';
import type { BackendName, BanLengths, Config, Place, RuleConfig, TargetConfig } from './config.ts';
import { placeUnder, visible } from './document.ts';
import type { Named, Placed } from './field.ts';
import type { Issues } from './issues.ts';
import { resolveLists } from './resolve-lists.ts';
import { resolveNotify } from './resolve-notify.ts';
import { resolveSources } from './resolve-sources.ts';
import type { RawConfig } from './schema.ts';
import { suggest } from './suggest.ts';

type RawRule = Named<RawConfig['rules'][number]['value']>;
type RawTarget = Named<NonNullable<RawConfig['targets']>[number]['value']>;

function warnOfShape(ban: Placed<BanLengths>, issues: Issues): void {
  ban.value.lengths.forEach((length, i) => {
    const before = ban.value.lengths[i - 1];
    if (before !== undefined && length < before)
      issues.warn(ban.place, `a later offence gets a shorter ban (${formatDuration(length)}) than the one before it (${formatDuration(before)}); were they meant the other way round?`);
  });
}

/** A name of an ipset may have 31 characters (IPSET_MAXNAMELEN), and ours begin with `banban-` and end with the family and kind: `-6n`. */
const LONGEST_IPSET_TARGET = 21;
/** What one rule of xt_multiport takes, where a range counts as two (XT_MULTI_PORTS). */
const MOST_MULTIPORTS = 15;
/** Those that need a rule of the firewall, which is where ports and actions stand. */
const WITH_RULES: readonly BackendName[] = ['xt_recent', 'nftables', 'ipset'];
/** What may stand for something in the arguments of a command. */
const WORDS: Readonly<Record<'ban' | 'unban' | 'flush', readonly string[]>> = { ban: ['{address}', '{target}'], unban: ['{address}', '{target}'], flush: ['{target}'] };

function warnOfCommand(command: NonNullable<RawTarget['value']['command']>, issues: Issues): void {
  for (const [key, words] of Object.entries(WORDS)) {
    const given = key === 'ban' ? command.ban : key === 'unban' ? command.unban : command.flush;
    if (given === undefined) continue;
    const strange = given.value.flatMap((argument) => argument.match(/\{\w+\}/g) ?? []).find((word) => !words.includes(word));
    if (strange !== undefined) issues.error(given.place, `has ${strange}, and only ${words.join(' and ')} stand${words.length === 1 ? 's' : ''} for something here`);
    if (words.includes('{address}') && !given.value.some((argument) => argument.includes('{address}'))) issues.error(given.place, 'has no {address} in its arguments, so the program would not know whom it is about');
  }
}

/** What a target says that its backends can't do. */
function warnOfBackends(name: string, place: Place, value: RawTarget['value'], issues: Issues): void {
  const backends = value.backend.value;
  const has = (backend: BackendName): boolean => backends.includes(backend);
  const refuse = (key: string, message: string): void => issues.error(placeUnder(place, key), message);
  const hasRules = backends.some((backend) => WITH_RULES.includes(backend));
  if (has('ipset') && name.length > LONGEST_IPSET_TARGET) issues.error(place, `the name of a target with ipset may have ${LONGEST_IPSET_TARGET} characters, because the kernel allows 31 for a set with all that is added to it; this has ${name.length}`);
  // The scanner of nft takes names that begin with a letter.
  if (has('nftables') && !/^[A-Za-z]/.test(name)) issues.error(place, 'the name of a target with nftables has to begin with a letter');
  if (has('command') && value.command === undefined) refuse('command', 'is missing: backend: command runs the programs that stand here');
  if (!has('command') && value.command !== undefined) refuse('command', 'is only for backend: command, which this target has not');
  if (value.command !== undefined) warnOfCommand(value.command, issues);
  if (value.seconds !== undefined && !has('xt_recent')) refuse('seconds', 'is only for backend: xt_recent, which this target has not');
  if (value.network_after !== undefined && backends.every((backend) => backend === 'xt_recent')) refuse('network_after', 'needs a backend that can hold networks, such as nftables or ipset: the lists of xt_recent hold single addresses');
  // The place of a default is no line.
  if (!hasRules && value.action.place.line > 0) issues.error(value.action.place, `is only for backends with rules in the firewall (${WITH_RULES.join(', ')}), and this target has none`);
  const { ports, protocol } = value;
  if (ports === undefined) {
    if (protocol.place.line > 0) issues.error(protocol.place, 'is only for targets with ports: without them every protocol is closed');
    return;
  }
  if (has('hosts_deny')) issues.error(ports.place, 'can’t be had with backend: hosts_deny: TCP wrappers know programs, not ports, so that all of them would be closed');
  else if (!hasRules) issues.error(ports.place, `is only for backends with rules in the firewall (${WITH_RULES.join(', ')}), and this target has none`);
  const slots = ports.value.reduce((sum, { first, last }) => sum + (first === last ? 1 : 2), 0);
  if (slots > MOST_MULTIPORTS && (has('xt_recent') || has('ipset'))) issues.error(ports.place, `has more than the ${MOST_MULTIPORTS} ports that one rule of iptables can have, where a range counts as two`);
}

function resolveTargets(raw: readonly RawTarget[], issues: Issues): TargetConfig[] {
  const byLower = new Map<string, string>();
  return raw.map(({ name, place, value }) => {
    const other = byLower.get(name.toLowerCase());
    if (other !== undefined) issues.warn(place, `differs from the target ${other} only by case; to the kernel they are two lists`);
    byLower.set(name.toLowerCase(), name);
    warnOfShape(value.ban, issues);
    warnOfBackends(name, place, value, issues);
    const { ban, unban, flush, timeout } = value.command ?? {};
    return {
      name,
      backends: value.backend.value,
      ban: value.ban.value.lengths,
      jitter: value.ban.value.jitter,
      ports: value.ports?.value ?? [],
      protocols: value.protocol.value,
      action: value.action.value,
      ipv6Prefix: value.ipv6_prefix,
      networkAfter: value.network_after,
      seconds: value.seconds,
      command: ban === undefined || unban === undefined || timeout === undefined ? undefined : { ban: ban.value, unban: unban.value, flush: flush?.value, timeout },
      place,
    };
  });
}

function resolveRule({ name, place, value }: RawRule, defaults: RawConfig['defaults'], targets: ReadonlyMap<string, TargetConfig>, issues: Issues): RuleConfig {
  const target = targets.get(value.target.value);
  if (target === undefined)
    issues.error(value.target.place, () => {
      const near = suggest(value.target.value, targets.keys());
      return `there is no target ${visible(value.target.value)}; ${near === undefined ? 'add it to targets' : `did you mean ${near}?`}`;
    });
  const countsBans = value.counts.value === 'bans';
  if (countsBans && value.badpatterns !== undefined) issues.error(placeUnder(place, 'badpatterns'), 'does nothing in a rule with counts: bans, which counts the bans of other rules; make two rules of it');
  if (!countsBans && value.of !== undefined) issues.error(value.of[0]?.place ?? placeUnder(place, 'of'), 'is only for rules with counts: bans');
  if (!countsBans && value.badpatterns === undefined) issues.error(placeUnder(place, 'badpatterns'), 'is missing: a rule without bad patterns never does anything');
  if (countsBans && value.usedns !== undefined) issues.error(value.usedns.place, 'does nothing in a rule with counts: bans, which reads no lines');
  else if (value.usedns !== undefined) warnOfNames(value.usedns, issues);
  if (value.ban !== undefined) warnOfShape(value.ban, issues);
  const memory = value.memory ?? defaults.memory;
  const ban = value.ban?.value.lengths ?? target?.ban ?? [];
  const first = ban[0];
  if (ban.length > 1 && first !== undefined && first !== FOREVER && memory <= first)
    issues.warn(place, `an offence is forgotten after ${formatDuration(memory)} (memory), before its first ban of ${formatDuration(first)} ends, so the longer bans are hardly ever reached`);
  return {
    name,
    target: value.target.value,
    occurrences: value.occurrences ?? defaults.occurrences,
    interval: value.interval ?? defaults.interval,
    memory,
    ban,
    jitter: value.ban?.value.jitter ?? target?.jitter ?? 0,
    levels: (value.levels ?? defaults.levels).value,
    grace: value.grace ?? defaults.grace ?? ms(0),
    usedns: (value.usedns ?? defaults.usedns).value,
    countsBansOf: countsBans ? (value.of ?? []).map((other) => other.value) : undefined,
    resetconns: value.resetconns,
    badPatterns: value.badpatterns ?? [],
    place,
  };
}

function warnOfNames({ value, place }: RawConfig['defaults']['usedns'], issues: Issues): void {
  if (value === 'yes') issues.warn(place, 'whoever owns the reverse DNS of an address chooses its name, and can choose one that leads to others and get them banned; better have your services log addresses');
}

/** The rules whose bans a rule counts have to be there, and to count lines themselves: bans of bans of bans would feed each other. */
function warnOfCounted(rules: readonly RawRule[], issues: Issues): void {
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  for (const rule of rules) {
    for (const { value: name, place } of rule.value.of ?? []) {
      const counted = byName.get(name);
      if (counted?.value.counts.value === 'bans') issues.error(place, name === rule.name ? 'a rule can’t count its own bans' : `${visible(name)} counts bans itself; name the rules that count lines`);
      if (counted !== undefined) continue;
      const near = suggest(name, byName.keys());
      issues.error(place, `there is no rule ${visible(name)}${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
    if (rule.value.counts.value === 'bans' && rule.value.of === undefined && rules.every((other) => other.value.counts.value === 'bans')) issues.warn(rule.place, 'counts the bans of other rules, and there are none that count lines');
  }
}

/** /8 of IPv4 is the largest block ever assigned to anyone; nobody's own network is wider. /16 of IPv6 holds a whole registry's. */
const WIDEST_SENSIBLE = { 4: 8, 6: 16 } as const;

/** Each look-up has its turn, and an answer may have several addresses: who has more hosts has a network. */
const MOST_HOSTS = 100;
/** They are looked at every second. */
const MOST_FILES = 20;

function resolveAllowlist(raw: RawConfig['allowlist'], absolute: (path: string) => string, issues: Issues): Pick<Config, 'allowlist' | 'allowFiles' | 'allowHosts' | 'allowSelf'> {
  const files = new Set<string>();
  const hosts = new Set<HostName>();
  const allowlist: Prefix[] = [];
  let allowSelf = false;
  for (const { value, place } of raw) {
    switch (value.kind) {
      case 'network':
        warnOfWidth(value.prefix, place, issues);
        allowlist.push(value.prefix);
        break;
      case 'host':
        hosts.add(value.name);
        if (hosts.size === MOST_HOSTS + 1) issues.error(place, `is one host name more than the ${MOST_HOSTS} that the allow list may have; write their networks instead`);
        break;
      case 'file':
        files.add(absolute(value.path));
        if (files.size === MOST_FILES + 1) issues.error(place, `is one file more than the ${MOST_FILES} that the allow list may have`);
        break;
      case 'self':
        allowSelf = true;
        break;
    }
  }
  return { allowlist, allowFiles: [...files], allowHosts: [...hosts], allowSelf };
}

function warnOfWidth(prefix: Prefix, place: Place, issues: Issues): void {
  const bits = Number(prefix.slice(prefix.indexOf('/') + 1));
  const family = familyOf(prefix);
  if (bits === 0) issues.warn(place, `${prefix} is every IPv${family} address, so no IPv${family} address could ever be banned`);
  else if (bits < WIDEST_SENSIBLE[family]) issues.warn(place, `${prefix} is a large part of the whole Internet, and none of it could ever be banned; is /${bits} what you mean?`);
}

/** Makes paths absolute, reports sockets whose path the kernel can't take and files that are to be two things at once. */
function resolvePaths(raw: RawConfig, absolute: (path: string) => string, issues: Issues) {
  const sockets = [raw.socket, ...(raw.sources ?? []).map((source) => (source.kind === 'unix' ? source.value : undefined))].flatMap((unix) => unix?.path ?? []);
  const uses: [Placed<string>, string, number][] = [
    ...sockets.map((path): [Placed<string>, string, number] => [path, 'the log socket', LONGEST_SOCKET_PATH]),
    [raw.control.socket, 'the control socket', LONGEST_SOCKET_PATH],
    [raw.database, 'the database', Infinity],
    [raw.firewall.hosts_deny, 'the file of TCP wrappers', Infinity],
  ];
  const taken = new Map<string, string>();
  for (const [path, use, longest] of uses) {
    const full = absolute(path.value);
    const bytes = new TextEncoder().encode(full).length;
    if (bytes > longest) issues.error(path.place, `the path of ${use} has ${bytes} bytes (${visible(full)}), and the kernel allows ${longest}; choose a shorter one`);
    const other = taken.get(full);
    if (other !== undefined) issues.error(path.place, `${visible(full)} can't be ${use} and ${other} at once`);
    taken.set(full, use);
  }
  return {
    database: absolute(raw.database.value),
    control: { socket: absolute(raw.control.socket.value), group: raw.control.group, mode: raw.control.mode },
  };
}

/**
 * The whole configuration. Errors go to `issues`; the result is only fit for use when there are none.
 *
 * @param path the file it was read from
 * @param absolute makes a path absolute from the working directory
 */
export function resolve(raw: RawConfig, path: string, absolute: (path: string) => string, issues: Issues): Config {
  const places = resolvePaths(raw, absolute, issues);
  if ((raw.control.mode & 0o006) !== 0)
    issues.warn({ file: path, line: raw.control.socket.place.line, key: 'control.mode' }, 'every user of this machine may ban and unban; mode "0660" and a group would limit it');
  if (raw.firewall.remove_at_stop && !raw.firewall.manage)
    issues.warn({ file: path, line: raw.firewall.hosts_deny.place.line, key: 'firewall.remove_at_stop' }, 'does nothing without manage: true, because then the rules are yours');
  const targets = resolveTargets(raw.targets ?? [], issues);
  if (targets.length === 0)
    issues.error({ file: path, line: 0, key: 'targets' }, 'there is no target to ban in; add one by the name in your firewall rules, such as targets: { BLOCKER: { ban: 48h } }');
  const byName = new Map(targets.map((target) => [target.name, target]));
  const rules = raw.rules.map((rule) => resolveRule(rule, raw.defaults, byName, issues));
  warnOfCounted(raw.rules, issues);
  warnOfNames(raw.defaults.usedns, issues);
  for (const { name, memory, interval, place } of rules) {
    if (memory > raw.keep) issues.warn(place, `offences are to count for ${formatDuration(memory)} (memory), and are deleted after ${formatDuration(raw.keep)} (keep)`);
    if (interval > raw.keep && raw.rules.some((rule) => rule.name === name && rule.value.counts.value === 'bans')) issues.warn(place, `bans are to count for ${formatDuration(interval)} (interval), and are deleted after ${formatDuration(raw.keep)} (keep)`);
  }
  // Where something could not be read there may well be rules.
  if (rules.length === 0 && !issues.failed) issues.warn({ file: path, line: 0, key: 'rules' }, 'there are no rules, so nothing is banned but by hand');
  const firewall = { manage: raw.firewall.manage, removeAtStop: raw.firewall.remove_at_stop, hostsDeny: absolute(raw.firewall.hosts_deny.value) };
  return { path, ...places, sources: resolveSources(raw, rules, absolute, issues), guard: raw.guard, firewall, ...resolveAllowlist(raw.allowlist, absolute, issues), targets, goodPatterns: raw.goodpatterns, breaker: { bansAMinute: raw.breaker.bans_a_minute, logins: raw.breaker.logins }, breakinAfter: raw.breakin_after, keep: raw.keep, rules, lists: resolveLists(raw.lists, byName, absolute, issues), notify: resolveNotify(raw.notify, { targets, rules }, absolute, issues) };
}
