/**
 * docs/adr/0019: rules, lists and people ask for bans of the same addresses, each for its own time. Whatever comes after what, a ban
 * stands as long as somebody asks for it and no longer, the kernel has just these, and nobody who is allowed is among them.
 */
import { FOREVER, ms, type Ms, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accepted, engineRoom, failed, type EngineRoom } from '../support/engine-room.ts';
import { HOUR, prefix, rule, target } from '../support/policies.ts';
import { nth } from '../support/records.ts';
import { scaled } from '../support/search.ts';

const ADDRESSES = [nth(1), nth(2), nth(3)];
const LISTS = ['one', 'two'];
/** What is asked for may be put off by a twentieth of the longest time that ends. */
const TOLERANCE = (5 * HOUR) / 20;

/** Until when each asks for an address: for as long at least, and for as long at most. A person's ban stays theirs when a rule makes it longer. */
interface Asked {
  rule: number;
  manual: number;
  manualMost: number;
  readonly lists: Map<string, { least: number; most: number }>;
}

class Model {
  readonly asked = new Map<Subject, Asked>();
  readonly lists = new Map<string, { readonly entries: readonly Subject[]; readonly length: Ms }>();
  allowed: Subject | undefined;

  of(subject: Subject): Asked {
    let own = this.asked.get(subject);
    if (own === undefined) this.asked.set(subject, (own = { rule: 0, manual: 0, manualMost: 0, lists: new Map() }));
    return own;
  }

  /** A rule and a person who ask for the same make it one. */
  merge(own: Asked, now: number): void {
    if (own.manual > now || own.manualMost > now) own.manualMost = Math.max(own.manualMost, own.manual, own.rule);
  }
}

type Step = (room: EngineRoom, model: Model) => Promise<void> | void;

async function put(room: EngineRoom, model: Model, list: string): Promise<void> {
  const { entries, length } = model.lists.get(list) ?? { entries: [], length: FOREVER };
  let isDone = false;
  const done = room.engine.replaceList(list, { target: 'BLOCKER', subjects: entries, length }).then(() => (isDone = true));
  while (!isDone) {
    room.clock.turn();
    await Promise.resolve();
  }
  await done;
  const until = room.clock.now() + length;
  for (const subject of ADDRESSES) {
    const { lists } = model.of(subject);
    if (!entries.includes(subject) || subject === model.allowed) lists.delete(list);
    else lists.set(list, { least: until, most: Math.max(until, lists.get(list)?.most ?? 0) });
  }
}

const hit = (subject: Subject): Step => (room, model) => {
  room.hear(failed(subject));
  if (subject === model.allowed) return;
  const own = model.of(subject);
  own.rule = Math.max(own.rule, room.clock.now() + HOUR);
  model.merge(own, room.clock.now());
};
const login = (subject: Subject): Step => (room, model) => {
  room.hear(accepted(subject));
  model.of(subject).rule = 0;
};
const ban = (subject: Subject, length: Ms): Step => (room, model) => {
  room.engine.ban({ subjects: [subject], target: 'BLOCKER', length, reason: undefined, by: 'ann' });
  if (subject === model.allowed) return;
  const own = model.of(subject);
  own.manual = Math.max(own.manual, room.clock.now() + length);
  model.merge(own, room.clock.now());
};
/** All are over; a list asks again when it is read again. */
const over = (own: Asked): void => {
  Object.assign(own, { rule: 0, manual: 0, manualMost: 0 });
  for (const list of own.lists.values()) list.least = 0;
};
const unban = (subject: Subject): Step => (room, model) => {
  room.engine.unban({ subjects: [subject], target: undefined, by: 'ann' });
  over(model.of(subject));
  model.of(subject).lists.clear();
};
const allow = (subject: Subject | undefined): Step => (room, model) => {
  room.engine.setAllowed('by hand', subject === undefined ? [] : [prefix(subject)]);
  model.allowed = subject;
  if (subject !== undefined) over(model.of(subject));
};
const replace = (list: string, entries: readonly Subject[], length: Ms): Step => (room, model) => {
  model.lists.set(list, { entries, length });
  return put(room, model, list);
};
const sleep = (length: number): Step => (room) => room.clock.sleep(length);
const restart: Step = async (room, model) => {
  room.restart();
  room.engine.setAllowed('by hand', model.allowed === undefined ? [] : [prefix(model.allowed)]);
  for (const list of model.lists.keys()) await put(room, model, list);
};

function check(room: EngineRoom, model: Model): void {
  const now = room.clock.now();
  const bans = new Map(room.engine.bans().map((one) => [one.address, one]));
  expect(new Set(room.kernel.rows('BLOCKER nftables') ?? []), 'the kernel has the active bans').toEqual(new Set(bans.keys()));
  for (const subject of ADDRESSES) {
    const { rule: byRule, manual, manualMost, lists } = model.of(subject);
    const until = bans.get(subject)?.until ?? 0;
    if (subject === model.allowed) expect(until, `${subject} is allowed`).toBe(0);
    else {
      const least = Math.max(byRule, manual, ...[...lists.values()].map((list) => list.least));
      const most = Math.max(byRule, manual, manualMost, ...[...lists.values()].map((list) => list.most));
      if (least - TOLERANCE > now) expect(until, `${subject} is banned for as long as somebody asks for it`).toBeGreaterThanOrEqual(least === Infinity ? Infinity : least - TOLERANCE);
      if (until > 0) expect(until, `${subject} is banned for no longer than anybody asks for`).toBeLessThanOrEqual(most + TOLERANCE);
    }
  }
}

const anyone = fc.constantFrom(...ADDRESSES);
const lengths = fc.constantFrom(ms(HOUR / 2), ms(2 * HOUR), ms(5 * HOUR), FOREVER);
const shown = (name: string, step: Step): { readonly name: string; readonly step: Step } => ({ name, step });
const steps = fc.oneof(
  { weight: 4, arbitrary: anyone.map((subject) => shown(`hit ${subject}`, hit(subject))) },
  anyone.map((subject) => shown(`login ${subject}`, login(subject))),
  { weight: 2, arbitrary: fc.tuple(anyone, lengths).map(([subject, length]) => shown(`ban ${subject} for ${length / HOUR} h`, ban(subject, length))) },
  anyone.map((subject) => shown(`unban ${subject}`, unban(subject))),
  fc.option(anyone, { nil: undefined }).map((subject) => shown(`allow ${subject ?? 'nobody'}`, allow(subject))),
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom(...LISTS), fc.subarray(ADDRESSES), lengths).map(([list, entries, length]) => shown(`list ${list} has ${entries.join()} for ${length / HOUR} h`, replace(list, entries, length))) },
  { weight: 3, arbitrary: fc.constantFrom(1000, HOUR / 4, HOUR, 3 * HOUR, 8 * HOUR).map((length) => shown(`sleep ${length / HOUR} h`, sleep(length))) },
  fc.constant(shown('restart', restart)),
);

test('a ban stands as long as anybody asks for it and no longer', { timeout: scaled(120_000) }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (sequence) => {
      const room = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] })], rules: [rule('ssh', { occurrences: 1, ban: [ms(HOUR)] })], breaker: { bansAMinute: 30_000, logins: 100 } });
      const model = new Model();
      for (const { name, step } of sequence) {
        await step(room, model);
        try {
          check(room, model);
        } catch (error) {
          throw new Error(`after ${name}, of ${sequence.map((one) => one.name).join('; ')}`, { cause: error });
        }
      }
    }),
    { numRuns: scaled(250) },
  );
});
