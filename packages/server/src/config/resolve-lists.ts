import { formatDuration } from 'banban-shared';
import type { ListConfig, TargetConfig } from './config.ts';
import { placeUnder, visible } from './document.ts';
import type { Placed } from './field.ts';
import type { Issues } from './issues.ts';
import type { RawConfig } from './schema.ts';
import { suggest } from './suggest.ts';

/** Hosts to which nobody else's machine is on the way. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** What a server takes at least (RFC 9110, section 4.1). */
const LONGEST_URL = 8000;

function readUrl({ value, place }: Placed<string>, issues: Issues): string | undefined {
  const url = value.length <= LONGEST_URL && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.hostname === '') {
    issues.error(place, `found "${visible(value)}", wanted an address such as https://lists.example/drop.txt`);
    return undefined;
  }
  if (url.username !== '' || url.password !== '') {
    issues.error(place, 'has a user or a password in it, and lists are fetched without; fetch it with a program of your own, and give the path of its file as file');
    return undefined;
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) issues.warn(place, 'is not https: anybody on the way can put addresses on this list, and have them banned');
  url.hash = '';
  return url.href;
}

/** Lists, with what about them can't be or hardly was meant. */
export function resolveLists(raw: RawConfig['lists'], targets: ReadonlyMap<string, TargetConfig>, absolute: (path: string) => string, issues: Issues): ListConfig[] {
  return raw.flatMap(({ name, place, value }): ListConfig[] => {
    const target = targets.get(value.target.value);
    if (target === undefined)
      issues.error(value.target.place, () => {
        const near = suggest(value.target.value, targets.keys());
        return `there is no target ${visible(value.target.value)}; ${near === undefined ? 'add it to targets' : `did you mean ${near}?`}`;
      });
    else if (target.backends.every((backend) => backend === 'xt_recent'))
      issues.warn(value.target.place, `the target ${target.name} has backend xt_recent alone, which holds no networks and 100 addresses unless its module was loaded with more; nftables or ipset hold whole lists`);
    const { ban, refresh } = value;
    if (ban <= refresh) issues.error(placeUnder(place, 'ban'), `${formatDuration(ban)} is no longer than refresh (${formatDuration(refresh)}), so every entry would be free for a while before the list is fetched again`);
    if (value.url !== undefined && value.file !== undefined) issues.error(place, 'has both url and file; make two lists of it');
    if (value.url === undefined && value.file === undefined) issues.lacks(place, 'has neither url nor file, so there is nothing to read; add url: https://… or file: PATH');
    const url = value.url === undefined ? undefined : readUrl(value.url, issues);
    const from = url !== undefined ? ({ kind: 'url', url } as const) : value.file === undefined ? undefined : ({ kind: 'file', path: absolute(value.file.value) } as const);
    if (from === undefined) return [];
    return [{ name, from, target: value.target.value, ban, refresh, mostEntries: value.max_entries, shrink: value.shrink, grow: value.grow, unfit: value.unfit.value, place }];
  });
}
