/** Active bans as text for other programs. */
import { CSV_HEAD, exportedCsv, exportedJson, familyOf, isNetwork, networkOf, parseSubject, prefixOf, type Ban, type Family, type Prefix, type Subject } from 'banban-shared';
import { originWords } from './ban.ts';
import { printable, printableJson } from './printable.ts';

/** What `banctl export` writes. */
export const EXPORT_FORMATS = ['plain', 'nft', 'csv', 'json'] as const;
/** One of them. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Whether a word is one of them. */
export const isExportFormat = (word: string): word is ExportFormat => EXPORT_FORMATS.some((format) => format === word);

/** The text, without a newline at the end; '' where there are no bans and the format has nothing for that. */
export function exportText(bans: readonly Ban[], format: ExportFormat): string {
  const lines = bans.map((ban) => ({ address: ban.address, target: ban.target, by: originWords(ban.origin), since: ban.since, until: ban.until, remainingSeconds: ban.remainingSeconds, reason: ban.reason }));
  switch (format) {
    case 'plain':
      return [...new Set(bans.map((ban) => printable(ban.address)))].join('\n');
    case 'csv':
      return [CSV_HEAD, ...lines.map(exportedCsv)].map((line) => printable(line)).join('\n');
    case 'json':
      return lines.map((line) => printableJson(exportedJson(line))).join('\n');
    case 'nft':
      return nftFile(bans);
  }
}

/** Names of nft begin with a letter or an underscore, and a keyword alone is none (its scanner.l): what is added makes it another word. */
const setName = (target: string, family: Family, networks: boolean): string =>
  `${/^[A-Za-z_]/.test(target) ? '' : '_'}${target.replace(/[^A-Za-z0-9_.-]/g, '_')}_ipv${family}${networks ? '_networks' : ''}`;

/** Those that no other one holds: a set of intervals takes each address once. */
function outermost(networks: readonly Prefix[]): Set<Subject> {
  const all = new Set<Subject>(networks);
  const isHeld = (network: Prefix): boolean => {
    const { address, bits } = networkOf(network);
    for (let length = 0; length < bits; length++) if (all.has(prefixOf(address, length))) return true;
    return false;
  };
  return new Set(networks.filter((network) => !isHeld(network)));
}

interface NftSet {
  readonly family: Family;
  readonly networks: boolean;
  readonly elements: Map<Subject, string>;
}

function setText(name: string, { family, networks, elements }: NftSet): string {
  const kept = networks ? outermost([...elements.keys()].filter(isNetwork)) : elements;
  const shown = [...elements].filter(([subject]) => kept.has(subject)).map(([, text]) => `      ${text}`);
  return `  set ${name} {\n    type ipv${family}_addr\n    flags ${networks ? 'interval, ' : ''}timeout\n    elements = {\n${shown.join(',\n')}\n    }\n  }\n`;
}

const NFT_HEAD = `# Bans of banban as sets of nftables, for nft -f. They are in a table of their own; put in its place the table
# whose rules are to look at them, such as: ip saddr @BLOCKER_ipv4 drop. Networks inside of others are left out.
table inet banban-export {
`;

/** Of each target the addresses and the networks of each family in a set of their own, with the time that is left. */
function nftFile(bans: readonly Ban[]): string {
  const sets = new Map<string, NftSet>();
  for (const { address, target, remainingSeconds } of bans) {
    const subject = parseSubject(address);
    if (subject === undefined) continue;
    const [family, networks] = [familyOf(subject), isNetwork(subject)];
    const name = setName(target, family, networks);
    const set = sets.get(name) ?? { family, networks, elements: new Map<Subject, string>() };
    sets.set(name, set);
    set.elements.set(subject, remainingSeconds === null ? subject : `${subject} timeout ${Math.max(1, remainingSeconds)}s`);
  }
  return `${NFT_HEAD}${[...sets].map(([name, set]) => setText(name, set)).join('')}}`;
}
