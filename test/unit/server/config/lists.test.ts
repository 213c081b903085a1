import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../../packages/server/src/config/config-error.ts';
import { loadText } from '../../../support/configs/load-text.ts';
import { DAY } from '../../../support/policies.ts';

const text = (lists: string, backend = 'nftables'): string => `targets: { BLOCKER: { backend: ${backend} } }\nrules: { r: { target: BLOCKER, badpatterns: ['^x <ip>$'] } }\nlists:\n  drop: { ${lists} }\n`;
const refused = (lists: string): string => {
  try {
    loadText(text(lists));
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
};

test('a list of the configuration has every default filled in', () => {
  const { config, warnings } = loadText(text(`url: 'https://lists.example/drop.txt?key=1#top', target: BLOCKER`));
  expect(warnings).toEqual([]);
  expect(config.lists).toMatchObject([
    { name: 'drop', from: { kind: 'url', url: 'https://lists.example/drop.txt?key=1' }, target: 'BLOCKER', ban: 3 * DAY, refresh: DAY, mostEntries: 200_000, shrink: 50, grow: 300, unfit: 'refuse' },
  ]);
  expect(loadText(text('file: /etc/x.txt, target: BLOCKER, unfit: skip')).config.lists).toMatchObject([{ from: { kind: 'file', path: '/etc/x.txt' }, unfit: 'skip' }]);
});

describe('is refused with its place', () => {
  test.each([
    [`target: BLOCKER`, /lists\.drop: has neither url nor file, so there is nothing to read/],
    [`url: 'https://x.example/', file: /x, target: BLOCKER`, /lists\.drop: has both url and file; make two lists of it/],
    [`url: 'ftp://x.example/', target: BLOCKER`, /lists\.drop\.url: found "ftp:\/\/x\.example\/", wanted an address such as https:/],
    [`url: 'lists.example', target: BLOCKER`, /lists\.drop\.url: found "lists\.example", wanted an address/],
    [`url: 'https://me:secret@x.example/', target: BLOCKER`, /lists\.drop\.url: has a user or a password in it/],
    [`url: 'https://x.example/', target: BLOKER`, /lists\.drop\.target: there is no target BLOKER; did you mean BLOCKER\?/],
    [`url: 'https://x.example/', target: BLOCKER, ban: 1h`, /lists\.drop\.ban: 1h is no longer than refresh \(1d\)/],
    [`url: 'https://x.example/', target: BLOCKER, refresh: 1s`, /lists\.drop\.refresh: .* of at least 60s/],
    [`url: 'https://x.example/', target: BLOCKER, ban: forever`, /lists\.drop\.ban: .*forever has no meaning here/],
    [`url: 'https://x.example/', target: BLOCKER, unfit: drop`, /lists\.drop\.unfit: .*wanted refuse or skip/],
    [`url: 'https://x.example/', target: BLOCKER, shrink: 101`, /lists\.drop\.shrink: .*from 1 to 100/],
    [`url: 'https://x.example/', target: BLOCKER, bantime: 3d`, /lists\.drop\.bantime: .*ban/],
  ])('%s', (lists, said) => expect(refused(lists)).toMatch(said));

  test('and a password is not repeated', () => expect(refused(`url: 'https://me:secret@x.example/', target: BLOCKER`)).not.toContain('secret'));
});

test('is warned of: plain http, but for this machine, and a target that can hold no lists', () => {
  const warnings = (lists: string, backend?: string): string[] => loadText(text(lists, backend)).warnings.map(({ message }) => message);
  expect(warnings(`url: 'http://lists.example/', target: BLOCKER`)).toEqual([expect.stringContaining('is not https: anybody on the way can put addresses on this list')]);
  expect(warnings(`url: 'http://127.0.0.1:8080/', target: BLOCKER`)).toEqual([]);
  expect(warnings(`file: /x, target: BLOCKER`, 'xt_recent')).toEqual([expect.stringContaining('holds no networks')]);
});
