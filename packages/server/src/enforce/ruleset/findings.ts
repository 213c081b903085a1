/** The doctor: from what is there to what is wrong with it, and what heals that. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import type { RulesFacts } from '../firewall.ts';
import { IPTABLES_CHAIN, NFT_TABLE } from '../names.ts';
import { enumerate } from './enumerate.ts';
import { hasFilter, type Evidence } from './evidence.ts';
import type { RuleFinding } from './finding.ts';
import { IPSET_REMEDY, ipsetTrouble } from './ipset-ruleset.ts';
import { shapeDiffers, wantedIpsets, type WantedIpset } from './ipset-sets.ts';
import { SET_REMEDY, setDiffers } from './nft-differences.ts';
import { nftTrouble } from './nft-ruleset.ts';
import { isMark, wantedSets, type WantedSet } from './nft-text.ts';
import { viewOfTable } from './nft-view.ts';
import { readingsOf, type Reading } from './reach.ts';
import { readingFindings, type RuleBackend } from './reading-findings.ts';
import { namesList, viewOfSaved } from './saved-view.ts';

/** A list of so many rows is full after a bad hour. */
const ENOUGH_ROWS = 1000;
const FAMILIES: readonly Family[] = [4, 6];

const general = (severity: RuleFinding['severity'], code: RuleFinding['code'], message: string, remedy: string): RuleFinding => ({ severity, code, target: undefined, backend: undefined, message, remedy });

const backendsOf = ({ backends }: TargetConfig): readonly RuleBackend[] => backends.filter((one) => one === 'xt_recent' || one === 'ipset' || one === 'nftables');

/** Programs that are missing, fail or hang; what they would have said is not judged. */
function ofPrograms({ nft, iptables, ipset, usesIpv6 }: Evidence): RuleFinding[] {
  const found: RuleFinding[] = [];
  const say = (look: { readonly isDone: boolean; readonly isMissing?: boolean } | undefined, severity: RuleFinding['severity'], message: string, pack: string): void => {
    if (look === undefined || look.isDone) return;
    const remedy = look.isMissing === true ? `install ${pack}` : 'see what the program says when root runs it; the kernel may lack what it needs';
    found.push(general(severity, look.isMissing === true ? 'program-missing' : 'program-failed', message, remedy));
  };
  if (nft?.isDone === false) say(nft, 'error', nftTrouble(nft.message), 'nftables');
  if (ipset?.isDone === false) say(ipset, 'error', ipsetTrouble(ipset.message), 'ipset');
  for (const { iptables: one, saved } of iptables?.main ?? []) {
    if (saved.isDone) continue;
    if (one.family === 4) say(saved, 'error', `the rules for IPv4 can't be looked at: ${saved.message}`, 'iptables');
    else if (usesIpv6) say(saved, 'warning', `the rules for IPv6 can't be looked at, so that IPv6 may be unprotected: ${saved.message}`, 'iptables, of which ip6tables is a part');
  }
  return found;
}

/** A set as it has to be. */
interface Wanted {
  readonly name: string;
  readonly target: string;
}

/** Sets that are missing or other than they have to be. */
function judgeSets<W extends Wanted>(backend: 'nftables' | 'ipset', where: string, wanted: readonly W[], isThere: (set: W) => boolean, differs: (set: W) => string | undefined, remedy: string): RuleFinding[] {
  const missing = new Map<string, string[]>();
  for (const set of wanted) if (!isThere(set)) missing.set(set.target, [...(missing.get(set.target) ?? []), set.name]);
  const wrong = wanted.flatMap((set): RuleFinding[] => {
    const difference = isThere(set) ? differs(set) : undefined;
    return difference === undefined ? [] : [{ severity: 'error', code: 'set-flags', target: set.target, backend, message: `the set ${set.name} of ${where} ${difference}`, remedy }];
  });
  return [
    ...[...missing].map(([target, names]): RuleFinding => ({ severity: 'error', code: 'no-set', target, backend, message: `${where} has no set ${enumerate(names)}`, remedy: 'run "banctl firewall install"' })),
    ...wrong,
  ];
}

function ofSets(targets: readonly TargetConfig[], { nft, ipset }: Evidence): RuleFinding[] {
  const found: RuleFinding[] = [];
  if (nft?.isDone === true && nft.table !== 'absent') {
    const { sets } = nft.table;
    const differs = (set: WantedSet): string | undefined => {
      const is = sets.get(set.name);
      return is === undefined ? undefined : setDiffers(set, is);
    };
    found.push(...judgeSets('nftables', `nftables' table inet ${NFT_TABLE}`, wantedSets(targets), ({ name }) => sets.has(name), differs, SET_REMEDY));
  }
  if (ipset?.isDone === true) {
    const { sets } = ipset;
    const differs = ({ name, shape }: WantedIpset): string | undefined => {
      const is = sets.get(name);
      return is === undefined ? undefined : shapeDiffers(shape, is);
    };
    found.push(...judgeSets('ipset', 'ipset', wantedIpsets(targets), ({ name }) => sets.has(name), differs, IPSET_REMEDY));
  }
  return found;
}

function ofRecentRows(targets: readonly TargetConfig[], { recentRows }: Evidence, { bans }: RulesFacts): RuleFinding[] {
  const users = targets.filter(({ backends }) => backends.includes('xt_recent'));
  if (recentRows === undefined || users.length === 0) return [];
  const most = Math.max(...users.map(({ name }) => bans?.get(name) ?? 0));
  const better = Math.max(10_000, 2 ** Math.ceil(Math.log2(2 * most + 1)));
  const remedy = `put "options xt_recent ip_list_tot=${better}" into /etc/modprobe.d/banban.conf (or xt_recent.ip_list_tot=${better} on the kernel's command line where it is built in); it is in force after a reboot, or after "modprobe -r xt_recent" with no rule left that uses it`;
  const full = users.filter(({ name }) => (bans?.get(name) ?? 0) > recentRows);
  if (full.length > 0)
    return full.map(({ name }) => ({ severity: 'error', code: 'table-too-small', target: name, backend: 'xt_recent', message: `${name} has ${bans?.get(name) ?? 0} bans, and a list of xt_recent has only ${recentRows} rows here: those beyond are not enforced`, remedy }));
  if (recentRows >= ENOUGH_ROWS) return [];
  return [{ severity: 'warning', code: 'table-too-small', target: undefined, backend: 'xt_recent', message: `a list of xt_recent has only ${recentRows} rows here, for IPv4 and IPv6 together; the next bans beyond are not enforced`, remedy }];
}

function ofVariants({ iptables }: Evidence): RuleFinding[] {
  const both = (iptables?.others ?? []).filter((other) => hasFilter(other));
  return both.map(({ iptables: { name } }) =>
    general('warning', 'both-iptables', `${name} has rules of its own beside those of ${name.replace(/-.*/, '')}: packets go through both, and either alone shows half of the firewall`, `move the rules to one of them ("${name}-save" shows what is there) and flush the other`),
  );
}

/** Whether rules that banban has put in are there. */
function hasOwnRules({ nft, iptables }: Evidence): boolean {
  if (nft?.isDone === true && nft.table !== 'absent' && [...nft.table.chains.values()].some(({ comments }) => comments.some(isMark))) return true;
  return (iptables?.main ?? []).some(({ saved }) => saved.isDone && saved.tables.get('filter')?.has(IPTABLES_CHAIN) === true);
}

/** What is wrong, the errors first. */
export function diagnose(targets: readonly TargetConfig[], evidence: Evidence, facts: RulesFacts): RuleFinding[] {
  const { nft, nftRules, iptables, usesIpv6 } = evidence;
  const all = [...(iptables?.main ?? []), ...(iptables?.others ?? [])];
  const readings = new Map<Family, readonly Reading[]>();
  for (const family of FAMILIES) {
    const views = all.flatMap(({ iptables: one, saved }) => (one.family === family && saved.isDone ? [viewOfSaved(one.name, saved.tables)] : []));
    if (nft?.isDone === true && nft.table !== 'absent') views.push(viewOfTable(nft.table, nftRules ?? new Map()));
    readings.set(family, views.flatMap(readingsOf));
  }
  const canLook = (family: Family): boolean => iptables?.main.some(({ iptables: one, saved }) => one.family === family && saved.isDone) === true;
  const found = [...ofPrograms(evidence), ...ofSets(targets, evidence), ...ofRecentRows(targets, evidence, facts), ...ofVariants(evidence)];
  for (const target of targets)
    for (const backend of backendsOf(target)) {
      const families = FAMILIES.filter((family) => (family === 4 || usesIpv6) && (backend === 'nftables' ? nft?.isDone === true : canLook(family)));
      const isNamed = (list: string, family: Family): boolean => {
        if (backend === 'nftables') return nft?.isDone === true && nft.table !== 'absent' && nft.table.sets.has(list) && hasOwnRules(evidence);
        return all.some(({ iptables: one, saved }) => one.family === family && saved.isDone && namesList(saved.tables, backend, list));
      };
      found.push(...readingFindings({ target, backend, families, readings, hasKnownMask: evidence.hasKnownMask(target), isNamed }, facts));
    }
  if (!facts.managed && hasOwnRules(evidence))
    found.push(general('warning', 'not-managed', 'banban’s own rules are in the firewall, and nobody puts them in again when they are gone, after a reload of the firewall or a reboot', 'set firewall: {manage: true}, or save them with the rest of your firewall'));
  return found.sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}
