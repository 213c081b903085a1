/** The rules as text, and what became of a request to put them in or take them out. */
import type { ResponseOf } from 'banban-shared';
import { printable, printableLines } from './printable.ts';

/** What `nft -f` and `iptables-restore` take: what banctl adds is a comment. */
export function firewallText({ managed, text }: ResponseOf<'firewall'>): string {
  const who = managed ? '# There is nothing to do: banband puts these rules in itself, and again when they are gone (firewall: {manage: true}).\n' : '';
  return `${who}${printableLines(text.replace(/\n$/, ''))}`;
}

/** What was done and what was not, a sentence each. */
export function firewallChange({ changes, problems }: ResponseOf<'firewallInstall'>): { readonly done: readonly string[]; readonly failed: readonly string[] } {
  return { done: changes.map((change) => printable(change, 1000)), failed: problems.map((problem) => printable(problem, 1000)) };
}
