/** The programs of iptables: those of PATH, and the other variant, which has tables of its own that packets go through as well. */
import type { Family } from 'banban-shared';
import type { Programs, Ran } from './programs.ts';
import { parseSaved, type SavedTables } from './saved-tables.ts';

/** The kernel has two filters side by side; iptables(8), xtables-nft(8). */
export type Variant = 'nft' | 'legacy';

/** One family of one variant. */
export interface Iptables {
  readonly family: Family;
  /** Undefined where the program does not say. */
  readonly variant: Variant | undefined;
  /** `iptables`, `ip6tables-legacy`. */
  readonly name: string;
}

const FAMILY_NAMES = { 4: 'iptables', 6: 'ip6tables' } as const;

/** Those that are `iptables` and `ip6tables` of PATH, in this order. */
export function mainIptables(programs: Programs): Promise<readonly Iptables[]> {
  return Promise.all(
    ([4, 6] as const).map(async (family) => {
      const name = FAMILY_NAMES[family];
      const ran = await programs.run(name, ['-V']);
      // `iptables v1.8.9 (nf_tables)`; without a word about it before 1.8, which knew only one.
      const variant = !ran.isDone ? undefined : ran.stdout.includes('(nf_tables)') ? 'nft' : ran.stdout.startsWith(`${name} v`) ? 'legacy' : undefined;
      return { family, variant, name } as const;
    }),
  );
}

/** The other variant of a family, where it is installed as well. */
export function otherIptables({ family, variant }: Iptables, programs: Programs): Iptables | undefined {
  if (variant === undefined) return undefined;
  const other = variant === 'nft' ? 'legacy' : 'nft';
  const name = `${FAMILY_NAMES[family]}-${other}`;
  return programs.has(`${name}-save`) ? { family, variant: other, name } : undefined;
}

/** What iptables-save has printed, or why not. */
export type Saved = { readonly isDone: true; readonly tables: SavedTables } | Extract<Ran, { isDone: false }>;

/** @param table undefined for all that the kernel has; legacy makes a table that is asked for by name and is not there */
export async function save({ name }: Iptables, table: string | undefined, programs: Programs): Promise<Saved> {
  const ran = await programs.run(`${name}-save`, table === undefined ? [] : ['-t', table]);
  return ran.isDone ? { isDone: true, tables: parseSaved(ran.stdout) } : ran;
}

/** Waits at most 5 s for another iptables to end. */
export const restore = ({ name }: Iptables, text: string, programs: Programs): Promise<Ran> => programs.run(`${name}-restore`, ['--noflush', '-w', '5'], text);
