/** The rules as text, and what became of a request to put them in or take them out. */
import type { ResponseOf } from 'banban-shared';
import { printable, printableLines } from './printable.ts';

/** What `nft -f`, `iptables-restore` and a reader take: what banctl adds is a comment. */
export function firewallText({ managed, text }: ResponseOf<'firewall'>): string {
  const who = managed ? '# banband puts these rules in itself (firewall: manage), and again when they are gone.' : '# banband leaves these rules to you; "banctl firewall install" puts in what is missing.';
  return `${who}\n${printableLines(text.replace(/\n$/, ''))}`;
}

/** What was done and what was not, a sentence each. */
export function firewallChange({ changes, problems }: ResponseOf<'firewallInstall'>): { readonly done: readonly string[]; readonly failed: readonly string[] } {
  return { done: changes.map((change) => printable(change, 1000)), failed: problems.map((problem) => printable(problem, 1000)) };
}
