/** What is wrong with the rules that read one target's lists. */
import { formatDuration, FOREVER, parseAddress, type Family } from 'banban-shared';
import type { BackendName, TargetConfig } from '../../config/config.ts';
import type { RulesFacts } from '../firewall.ts';
import { IPTABLES_CHAIN, nftSet, NFT_TABLE } from '../names.ts';
import { enumerate } from './enumerate.ts';
import type { RuleFinding } from './finding.ts';
import { ipsetsOf } from './ipset-sets.ts';
import { ipv6Mask } from './ipv6-mask.ts';
import { scopesMeet, type Bypass, type Reading, type Scope } from './reach.ts';

/** The backends whose lists are read by rules. */
export type RuleBackend = Extract<BackendName, 'xt_recent' | 'ipset' | 'nftables'>;

/** What is known about the lists of one target in one backend. */
export interface TargetReadings {
  readonly target: TargetConfig;
  readonly backend: RuleBackend;
  /** Families whose rules could be looked at and that this machine has addresses of. */
  readonly families: readonly Family[];
  /** Every reading of any list, in the rules of a family. */
  readonly readings: ReadonlyMap<Family, readonly Reading[]>;
  /** Whether the list is known to see as much of IPv6 addresses as the target wants, whatever the rules say. */
  readonly hasKnownMask: boolean;
  /** Whether a rule names the list without being on the way of a packet. */
  readonly isNamed: (list: string, family: Family) => boolean;
}

const NONE: ReadonlySet<string> = new Set();

/** A rule in a sentence. */
const quoted = (text: string): string => {
  const line = text.replace(/\p{Cc}+/gu, ' ');
  return `"${line.length > 200 ? `${line.slice(0, 200)}…` : line}"`;
};

/** The lists of a target, of which each has to be read. */
export function listsOf(target: string, backend: RuleBackend, family: Family): readonly string[] {
  if (backend === 'xt_recent') return [target];
  return backend === 'ipset' ? ipsetsOf(target, family) : [nftSet(target, family, 'host'), nftSet(target, family, 'net')];
}

const KIND_WORDS = { xt_recent: 'the list', ipset: 'the set', nftables: 'the set' } as const;
const INSTALL = 'run "banctl firewall install", or let banband keep the rules with firewall: {manage: true}; "banctl firewall print" shows them for your own script';

/** What a packet that the target is about can be. */
const scopeOfTarget = ({ ports, protocols }: TargetConfig): Scope => (ports.length === 0 ? { protocols: undefined, ports: undefined } : { protocols, ports });

/** What lets packets through before a rule for which this target's bans are meant. */
const leaksOf = (reading: Reading, target: TargetConfig): readonly Bypass[] =>
  reading.bypasses.filter(({ scope, isEstablished }) => {
    // Answers to connections of a port come from that port, and any may be open.
    const ours = isEstablished ? { protocols: reading.scope.protocols, ports: undefined } : reading.scope;
    return scopesMeet(scope, ours) && scopesMeet(scope, scopeOfTarget(target));
  });

/** The mask that a look-up has to have; undefined for none. */
function rightMask({ ipv6Prefix }: TargetConfig, backend: RuleBackend, family: Family, list: string, target: string): string | undefined {
  if (backend === 'ipset') return undefined;
  if (family === 4) return '255.255.255.255';
  if (backend === 'xt_recent') return ipv6Mask(ipv6Prefix);
  return list === nftSet(target, 6, 'host') ? ipv6Mask(ipv6Prefix) : ipv6Mask(128);
}

/** Judges the rules that read the lists of a target. */
export function readingFindings({ target, backend, families, readings, hasKnownMask, isNamed }: TargetReadings, facts: RulesFacts): RuleFinding[] {
  const found: RuleFinding[] = [];
  const say = (severity: RuleFinding['severity'], code: RuleFinding['code'], message: string, remedy: string): void => {
    if (!found.some((one) => one.code === code && one.message === message)) found.push({ severity, code, target: target.name, backend, message, remedy });
  };
  const of = (list: string, family: Family): readonly Reading[] => (readings.get(family) ?? []).filter(({ look }) => look.store === backend && look.list === list);
  const unread = new Map(families.map((family) => [family, listsOf(target.name, backend, family).filter((list) => of(list, family).length === 0)] as const));

  function sayUnread(): void {
    const missing = [...unread].filter(([, lists]) => lists.length > 0);
    const read = [...unread].filter(([, lists]) => lists.length === 0);
    const lists = [...new Set(missing.flatMap(([, names]) => names))];
    const words = `${KIND_WORDS[backend]}${lists.length > 1 ? 's' : ''} ${enumerate(lists)}`;
    const [first] = missing;
    if (first === undefined) return;
    const [family] = first;
    if (read.length > 0)
      return say('error', family === 6 ? 'ipv6-forgotten' : 'ipv4-forgotten', `no rule for IPv${family} reads ${words}, so that bans of IPv${family} addresses do nothing; for IPv${family === 6 ? 4 : 6} there is one`, INSTALL);
    const isThere = missing.some(([one, names]) => names.some((list) => isNamed(list, one)));
    const why = isThere ? `a rule names ${words}, but no packet gets to it: nothing jumps to its chain from where packets come in` : `no rule reads ${words}`;
    const where = backend === 'nftables' ? `table inet ${NFT_TABLE}` : `chain ${IPTABLES_CHAIN}`;
    say('error', 'no-rule', `${why}; bans of the target ${target.name} do nothing there`, isThere ? `${INSTALL}; if it is banban's own ${where}, that puts the jump back` : INSTALL);
  }

  /** What has been told already: one ACCEPT comes before the rules of all sets. */
  const told = new Set<string>();

  function sayLeaks(list: string, family: Family): void {
    const all = of(list, family).filter(({ look }) => look.side === 'source');
    const best = all.map((reading) => ({ reading, leaks: leaksOf(reading, target) })).sort((a, b) => a.leaks.length - b.leaks.length)[0];
    if (best === undefined) return;
    const rule = `${quoted(best.reading.text)} (${best.reading.program}, ${best.reading.entrance})`;
    const isNew = ({ text }: Bypass): boolean => {
      const key = `${best.reading.program} ${text}`;
      return !told.has(key) && told.add(key).has(key);
    };
    const open = best.leaks.filter(({ isEstablished }) => !isEstablished).find(isNew);
    if (open !== undefined)
      say('error', 'rule-after-accept', `the rule ${rule} comes after ${quoted(open.text)}, which lets banned addresses through before it`, 'put the rule that reads the list before every ACCEPT, best as the first after the loopback’s');
    const established = best.leaks.filter(({ isEstablished }) => isEstablished).find(isNew);
    if (established === undefined) return;
    const isCut = (facts.resetting ?? NONE).has(target.name);
    const message = isCut
      ? `the rule ${rule} comes after ${quoted(established.text)}: an open connection ends with a ban only because resetconns makes the kernel forget it, and goes on all the same where this machine is the next to send on it`
      : `the rule ${rule} comes after ${quoted(established.text)}: a connection that is open when its address is banned goes on`;
    say(isCut ? 'warning' : 'error', 'established-before-block', message, `put the rule that reads the list before that ACCEPT${isCut ? '' : ', or set resetconns: true for the rules that ban there'}`);
  }

  function sayOfReading({ look, text, program }: Reading, family: Family): void {
    const rule = `the rule ${quoted(text)} (${program})`;
    const { seconds, hitCount, mask } = look;
    const wanted = target.seconds === undefined ? undefined : target.seconds / 1000;
    if (seconds !== undefined && wanted === undefined) {
      const longest = target.ban.reduce<number>((most, length) => Math.max(most, length), 0);
      if (seconds * 1000 < longest)
        say('error', 'seconds-too-short', `${rule} stops matching ${seconds} s after a ban began, and bans of ${target.name} last up to ${longest === FOREVER ? 'for ever' : formatDuration(target.ban.find((length) => length === longest) ?? FOREVER)}`, `leave --seconds out of the rule, because banband ends bans by its own clock, or set seconds: ${seconds} for the target ${target.name}, and its rows are renewed in time`);
    } else if (seconds !== undefined && wanted !== undefined && seconds !== wanted) {
      const remedy = `make --seconds of the rule and seconds of the target ${target.name} the same`;
      if (seconds < wanted) say('error', 'seconds-too-short', `${rule} stops matching after ${seconds} s, and the target ${target.name} has its rows renewed for a rule with ${wanted} s`, remedy);
      else say('warning', 'seconds-differ', `${rule} has --seconds ${seconds}, and the target ${target.name} says seconds: ${wanted}: rows are renewed more often than they need`, remedy);
    }
    if (hitCount !== undefined && hitCount > 1)
      say('error', 'hitcount-too-high', `${rule} wants ${hitCount} hits, and banband writes an address once`, 'leave --hitcount out of the rule: banband does the counting');
    const right = rightMask(target, backend, family, look.list, target.name);
    const is = backend === 'ipset' ? undefined : (mask ?? (family === 4 ? '255.255.255.255' : ipv6Mask(128)));
    if (right !== is && (is === undefined || parseAddress(is) !== right))
      say('error', 'mask-differs', `${rule} looks for addresses cut by ${is ?? 'nothing'}, and banband writes them cut by ${right ?? 'nothing'}, so that they are not found`, family === 4 ? `give the rule the mask ${right ?? ''}` : `give the rule the mask ${right ?? ''}, or change ipv6_prefix of the target ${target.name}`);
  }

  /** The first rule that names a list of xt_recent decides for all, and iptables-save makes a bad first of any rule for IPv4. */
  function sayMask(): void {
    if (backend !== 'xt_recent' || hasKnownMask || !families.includes(6) || families.some((family) => of(target.name, family).length === 0)) return;
    say(
      'warning',
      'mask-unknown',
      `the kernel gives the list ${target.name} the mask of the rule that was loaded first, and does not tell which that was: if it was one of iptables with its --mask 255.255.255.255, as iptables-save prints it, no ban of an IPv6 address ever matches`,
      'load the rules of ip6tables before those of iptables, or let banband do it with firewall: {manage: true}, or use backend: nftables',
    );
  }

  sayUnread();
  sayMask();
  for (const family of families)
    for (const list of listsOf(target.name, backend, family)) {
      const all = of(list, family);
      const [first] = all;
      if (first !== undefined && all.every(({ look }) => look.side === 'destination'))
        say('error', 'wrong-direction', `the rule ${quoted(first.text)} (${first.program}) looks for where packets go to, and not for where they come from, so that it stops nobody`, backend === 'ipset' ? 'write src in place of dst in the rule' : backend === 'xt_recent' ? 'write --rsource in place of --rdest in the rule' : 'write saddr in place of daddr in the rule');
      sayLeaks(list, family);
      for (const reading of all) if (reading.look.side === 'source') sayOfReading(reading, family);
    }
  return found;
}
