import { test } from 'vitest';
import { packLibrary } from '/work/main/packages/server/src/config/packs.ts';
import { createMatcher } from '/work/main/packages/server/src/match/matcher.ts';
import { newEntry } from '/work/main/packages/server/src/syslog/entry.ts';
import { parseLine } from '/work/main/packages/server/src/syslog/parse.ts';
import { unescapeTabs } from '/work/main/packages/server/src/syslog/lines.ts';
import { parseAddress } from 'banban-shared';
import { readFileSync, appendFileSync, writeFileSync } from 'node:fs';
const lib = packLibrary(['/work/main/config/packs']);
const packs = lib.names().flatMap((n) => lib.get(n)?.pack ?? []);
const pats = packs.flatMap((p) => p.patterns.map((x) => ({ pack: p.name, p: x })));
const m = createMatcher([], pats.map((x) => x.p.compiled));
const e = newEntry();
const hits = (line: string) => { const b = Buffer.from(line); parseLine(b, 0, unescapeTabs(b, 0, b.length), e); return m.match(e).hits.map((h) => ({ ...pats[h.rule]!, address: h.address as string })); };
const log = (s: string) => appendFileSync('/tmp/brief/cross.out', s + '\n');
test('cross', () => {
  writeFileSync('/tmp/brief/cross.out', '');
  for (const { pack, p } of pats) {
    for (const miss of p.misses) for (const h of hits(miss)) if (h.pack !== pack) log(`MISS of ${p.fullName} hit by ${h.p.fullName}${h.p.weak ? ' (weak)' : ''} ${h.address}: ${miss}`);
      else if (!h.p.good) log(`  miss of ${p.fullName} hit by own ${h.p.fullName}${h.p.weak ? ' (weak)' : ''}: ${miss}`);
    for (const s of p.samples) for (const h of hits(s.line)) { if (h.address !== parseAddress(s.address)) log(`ADDR ${p.fullName} / ${h.p.fullName} ${h.address}: ${s.line}`); if (h.p.good !== p.good) log(`GOODBAD ${p.fullName} / ${h.p.fullName}: ${s.line}`); }
  }
  for (const line of readFileSync('/tmp/brief/attack.txt', 'utf8').split('\n')) if (line.trim()) log(`${hits(line).map((h) => `${h.p.fullName}=${h.address}`).join(' ') || '-'}   <= ${line.slice(0, 260)}`);
});
