/** What met a ban since it stands. */
import type { Ban, Instant } from 'banban-shared';
import { bytes, compact, count, counted } from './size.ts';
import { ago } from './when.ts';

/** `1.2k pkts`, else `hit 3m ago`; `-` where nothing tells, or nothing came. */
export function hitsCell({ hits }: Ban, now: Instant): string {
  if (hits === null) return '-';
  if (hits.packets !== null) return `${compact(hits.packets)} pkt${hits.packets === 1 ? '' : 's'}`;
  return hits.lastAt === null ? '-' : `hit ${ago(hits.lastAt, now)}`;
}

/** `it met 1,234 packets (72.1 KiB), the last 3m ago`, `2 connections were cut`; empty where there is nothing to tell. */
export function hitsWords({ hits, connections }: Ban, now: Instant): string[] {
  const words: string[] = [];
  const last = hits === null || hits.lastAt === null ? '' : `the last ${ago(hits.lastAt, now)}`;
  if (hits !== null && hits.packets !== null) {
    const size = hits.bytes === null || hits.packets === 0 ? '' : ` (${bytes(hits.bytes)})`;
    words.push(`it met ${hits.packets === 0 ? 'no packet' : counted(hits.packets, 'packet')}${size}${last === '' ? '' : `, ${last}`}`);
  } else if (last !== '') words.push(`it met packets, ${last}`);
  if (connections > 0) words.push(`${count(connections)} ${connections === 1 ? 'connection was' : 'connections were'} cut`);
  return words;
}
