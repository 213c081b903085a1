/** Whatever is said, refused, changed behind the list's back and in whatever order: in the end the kernel has what was asked for. */
import { NEVER, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ListChange } from '../../../../packages/server/src/enforce/firewall.ts';
import type { Found } from '../../../../packages/server/src/enforce/queued-list.ts';
import { at, atRest, drivenList } from '../../../support/driven-list.ts';
import { nth } from '../../../support/records.ts';
import { scaled, seed } from '../../../support/search.ts';

const SUBJECTS = Array.from({ length: 6 }, (_, n) => nth(n));

const subject = fc.constantFrom(...SUBJECTS);
const subjects = fc.uniqueArray(subject, { maxLength: 6 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), remove: subjects, add: fc.array(fc.tuple(subject, fc.integer({ min: 1, max: 3 })), { maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), refused: subjects, isAll: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), milliseconds: fc.integer({ min: 1, max: 90_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('meddle' as const), subject, isThere: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take away' as const) }) },
);

test('in the end the list has what was asked for', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const driven = drivenList();
      /** The rows with their ends; undefined where there is no list. */
      let kernel: Map<Subject, number> | undefined = new Map<Subject, number>();
      const asked = new Map<Subject, number | undefined>();
      /** Whose rows somebody else has changed since the last word about them. */
      const meddled = new Set<Subject>();

      const look = (): Found => (kernel === undefined ? { state: 'missing' } : { state: 'present', subjects: new Set(kernel.keys()), capacity: undefined });
      const apply = ({ remove, add }: ListChange, refused: ReadonlySet<Subject>): Map<Subject, string> => {
        const said = [...remove, ...add.map((row) => row.subject)];
        expect(new Set(said).size, 'no subject twice in one change').toBe(said.length);
        const failures = new Map<Subject, string>();
        for (const one of said) if (kernel === undefined || refused.has(one)) failures.set(one, 'refused');
        for (const one of remove) if (!failures.has(one)) kernel?.delete(one);
        for (const { subject: one, until } of add) if (!failures.has(one)) kernel?.set(one, until);
        return failures;
      };
      const answer = async (refused: ReadonlySet<Subject>): Promise<boolean> => {
        const now = await driven.asked();
        if (now?.kind === 'read') await now.answer(look());
        else await now?.answer(apply(now.change, refused));
        return now !== undefined;
      };

      for (const one of steps) {
        switch (one.kind) {
          case 'write': {
            const rows = new Map(one.add.map(([who, end]) => [who, at(end)]));
            const change = { remove: one.remove, add: [...rows].map(([who, until]) => ({ subject: who, until })) };
            expect(driven.list.write(change)).toEqual(new Map());
            for (const who of one.remove) asked.set(who, undefined);
            for (const [who, until] of rows) asked.set(who, until);
            for (const who of [...one.remove, ...rows.keys()]) meddled.delete(who);
            break;
          }
          case 'read':
            driven.list.read();
            break;
          case 'answer':
            await answer(new Set(one.isAll ? SUBJECTS : one.refused));
            break;
          case 'advance':
            driven.clock.advance(one.milliseconds);
            break;
          case 'meddle':
            if (one.isThere) kernel?.set(one.subject, NEVER);
            else kernel?.delete(one.subject);
            meddled.add(one.subject);
            break;
          case 'take away':
            kernel = undefined;
            for (const who of SUBJECTS) meddled.add(who);
            break;
        }
        await atRest(driven.clock);
      }

      // Peace: nothing is refused any more, and there is time enough for every wait to be over.
      kernel ??= new Map();
      for (let round = 0; round < 100; round++) {
        while (await answer(new Set()));
        driven.clock.advance(1500);
      }
      for (const [who, until] of asked) if (!meddled.has(who)) expect([who, kernel.get(who)]).toEqual([who, until]);
      driven.list.read();
      while (await answer(new Set()));
      const state = driven.present();
      expect([state.subjects, state.pending.size, state.failures.size]).toEqual([new Set(kernel.keys()), 0, 0]);
      driven.list.close();
    }),
    { seed, numRuns: scaled(300) },
  );
});
