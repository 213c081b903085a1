/** Bytes and counts as people read them. */

/** `512 B`, `84.2 MiB`. */
export function bytes(count: number): string {
  let value = count;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024 || unit === 'GiB') return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${count} B`;
}

/** `12,345`. */
export const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

/** At most four characters for what fits in a cell: `999`, `1.2k`, `12k`, `3.4M`. Rounded down. */
export function compact(value: number): string {
  let rest = value;
  for (const unit of ['', 'k', 'M', 'G']) {
    if (rest < 1000) return `${unit === '' || rest >= 10 ? Math.floor(rest) : (Math.floor(rest * 10) / 10).toFixed(1)}${unit}`;
    rest /= 1000;
  }
  return `${Math.floor(rest)}T`;
}

/** `1 ban`, `2 bans`. */
export const counted = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;
