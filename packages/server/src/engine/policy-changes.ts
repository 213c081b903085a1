/** What a reload changes, for the person who asked for it. */
import type { Config, ListConfig, TargetConfig } from '../config/config.ts';
import type { BanRecord } from '../store/store.ts';
import type { Policy } from './policy.ts';

/** What is different in the new configuration, a sentence each; `bans` are those that stand before it. */
export function changesBetween(before: Policy, now: Policy, bans: readonly BanRecord[]): string[] {
  const changes: string[] = [];
  const old = new Map(before.config.rules.map((r) => [r.name, JSON.stringify({ ...r, place: null, badPatterns: r.badPatterns.map((p) => p.source) })]));
  const fresh = new Map(now.config.rules.map((r) => [r.name, JSON.stringify({ ...r, place: null, badPatterns: r.badPatterns.map((p) => p.source) })]));
  for (const [name, text] of fresh) if (!old.has(name)) changes.push(`rule ${name} added`);
    else if (old.get(name) !== text) changes.push(`rule ${name} changed`);
  for (const name of old.keys()) if (!fresh.has(name)) changes.push(`rule ${name} removed`);
  const textOf = (target: TargetConfig): string => JSON.stringify({ ...target, place: null, ban: target.ban.map(String) });
  for (const [name, target] of now.targets) {
    const was = before.targets.get(name);
    if (was === undefined) changes.push(`target ${name} added`);
    else if (textOf(was) !== textOf(target)) changes.push(`target ${name} changed`);
  }
  if (JSON.stringify(before.config.firewall) !== JSON.stringify(now.config.firewall)) changes.push(now.config.firewall.manage ? 'firewall changed: banband manages the rules' : 'firewall changed: the rules are yours');
  const textOfList = (list: ListConfig): string => JSON.stringify({ ...list, place: null });
  const oldLists = new Map(before.config.lists.map((list) => [list.name, textOfList(list)]));
  for (const list of now.config.lists) if (oldLists.get(list.name) !== textOfList(list)) changes.push(`list ${list.name} ${oldLists.has(list.name) ? 'changed' : 'added'}`);
  for (const name of oldLists.keys()) if (!now.config.lists.some((list) => list.name === name)) changes.push(`list ${name} removed, and what it alone had banned is free`);
  for (const name of before.targets.keys()) {
    if (now.targets.has(name)) continue;
    // Whoever only meant to rename it has to know what that did.
    const ended = bans.filter((b) => b.target === name).length;
    changes.push(`target ${name} removed${ended === 0 ? '' : `, and its ${ended === 1 ? 'ban' : `${ended} bans`} ended`}`);
  }
  const told = (p: Policy): string => JSON.stringify(p.config.notify, (_key, value: unknown) => (value instanceof Set ? [...value] : value));
  if (told(before) !== told(now)) changes.push(`notify changed: ${now.config.notify.length} ${now.config.notify.length === 1 ? 'receiver' : 'receivers'}`);
  const patterns = (p: Policy): string => p.config.goodPatterns.map((g) => g.source).join('\n');
  if (patterns(before) !== patterns(now)) changes.push('good patterns changed');
  for (const key of ['keep', 'breaker', 'breakinAfter'] as const) if (JSON.stringify(before.config[key]) !== JSON.stringify(now.config[key])) changes.push(`${key === 'breakinAfter' ? 'breakin_after' : key} changed`);
  if (JSON.stringify(before.config.guard) !== JSON.stringify(now.config.guard)) changes.push('guard changed');
  const allowOf = ({ allowlist, allowFiles, allowHosts, allowSelf }: Config): readonly string[] => [...allowlist, ...allowHosts, ...allowFiles.map((file) => `file ${file}`), ...(allowSelf ? ['self'] : [])];
  const allowed = allowOf(now.config);
  if (allowOf(before.config).join() !== allowed.join()) changes.push(`allow list changed: ${allowed.length} entries`);
  return changes;
}
