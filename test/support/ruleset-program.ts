/**
 * The ruleset as a program of its own, to be run inside a network namespace: `node bundle.cjs NATIVE PATH`, with NATIVE the file of the
 * native part, or `-` for none. Each line that it reads is `[method, targets, facts]`; it answers with a line for each.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { systemClock } from '../../packages/server/src/clock.ts';
import type { TargetConfig } from '../../packages/server/src/config/config.ts';
import { createRuleset } from '../../packages/server/src/enforce/ruleset/ruleset.ts';
import type { NativeNetlink } from '../../packages/server/src/netlink/native.ts';

type Asked = readonly [method: 'install' | 'remove' | 'check' | 'isIntact' | 'tellsByEvents', targets: readonly TargetConfig[], facts: { readonly managed: boolean; readonly bans: readonly (readonly [string, number])[]; readonly resetting: readonly string[] }];

const [native = '-', path = ''] = process.argv.slice(2);
const ruleset = createRuleset({ clock: systemClock, path, native: native === '-' ? undefined : (createRequire('/')(native) as NativeNetlink) });

/** The same targets are the same objects, as in a daemon whose configuration stays. */
const known = new Map<string, readonly TargetConfig[]>();

createInterface({ input: process.stdin })
  .on('line', (line) => {
    // For ever is no number in JSON.
    const [method, given, facts] = JSON.parse(line, (key, value: unknown) => (key === 'ban' ? (value as (number | null)[]).map((length) => length ?? Infinity) : value)) as Asked;
    const key = JSON.stringify(given);
    const targets = known.get(key) ?? given;
    known.set(key, targets);
    const answer =
      method === 'check' ? ruleset.check(targets, { managed: facts.managed, bans: new Map(facts.bans), resetting: new Set(facts.resetting) })
      : method === 'tellsByEvents' ? Promise.resolve(ruleset.tellsByEvents())
      : ruleset[method](targets);
    void answer.then((result) => process.stdout.write(`${JSON.stringify(result)}\n`));
  })
  .on('close', () => ruleset.close());
