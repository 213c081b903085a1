/**
 * Which rules a packet from outside meets before the one that looks it up in a list. The walk takes every jump that may be taken and
 * notes what may have let the packet go before: only rules whose conditions are understood, the others may be about anybody.
 */
import type { PortRange } from '../../config/config.ts';
import type { Condition, Entrance, ListCondition, Rule, View } from './rule-model.ts';

/** What a rule is about: protocols and ports; undefined is all of them. */
export interface Scope {
  readonly protocols: readonly string[] | undefined;
  readonly ports: readonly PortRange[] | undefined;
}

/** A rule that lets packets through to what stands behind. */
export interface Bypass {
  readonly text: string;
  readonly scope: Scope;
  /** Only those of connections that are open already. */
  readonly isEstablished: boolean;
}

/** A rule that refuses what is in a list. */
export interface Reading {
  readonly program: string;
  /** `filter INPUT`. */
  readonly entrance: string;
  readonly text: string;
  readonly look: ListCondition;
  readonly scope: Scope;
  /** What has let packets go before they came here; of this rule's own table alone, because a verdict of another is not the last. */
  readonly bypasses: readonly Bypass[];
}

/** Chains that jump to chains are walked again for each jump: enough for 10,000 rules, and an end for a web of them. */
const MOST_STEPS = 200_000;
/** Chains can't jump in circles, but what is read may be nonsense. */
const MOST_DEPTH = 64;

function scopeOf(conditions: readonly Condition[]): Scope {
  let protocols: readonly string[] | undefined;
  let ports: readonly PortRange[] | undefined;
  for (const condition of conditions) {
    if (condition.kind === 'protocol') protocols = condition.names.filter((name) => protocols?.includes(name) ?? true);
    else if (condition.kind === 'ports') ports = ports === undefined ? condition.ranges : ports.flatMap((a) => condition.ranges.flatMap((b) => meet(a, b)));
  }
  return { protocols, ports };
}

function meet(a: PortRange, b: PortRange): PortRange[] {
  const [first, last] = [Math.max(a.first, b.first), Math.min(a.last, b.last)];
  return first <= last ? [{ first, last }] : [];
}

/** Whether two scopes have a port of TCP or UDP in common; nothing else is a service. */
export function scopesMeet(a: Scope, b: Scope): boolean {
  const protocols = ['tcp', 'udp'].filter((name) => (a.protocols?.includes(name) ?? true) && (b.protocols?.includes(name) ?? true));
  if (protocols.length === 0) return false;
  return a.ports === undefined || b.ports === undefined || a.ports.some((one) => b.ports?.some((other) => meet(one, other).length > 0));
}

/** Whether a packet that gets into the chain may be refused there. */
function canDrop(chain: string, { chains }: Entrance, seen = new Set<string>()): boolean {
  if (seen.has(chain)) return false;
  seen.add(chain);
  return (chains.get(chain) ?? []).some(({ verdict }) => verdict.kind === 'drop' || ('chain' in verdict && canDrop(verdict.chain, { name: '', chain, chains }, seen)));
}

/** Whether the rule refuses those in the list, or spares the others a refusal further down. */
function refuses({ verdict }: Rule, { isNegated }: ListCondition, entrance: Entrance): boolean {
  if (verdict.kind === 'drop') return !isNegated;
  if (verdict.kind === 'jump' || verdict.kind === 'goto') return !isNegated && canDrop(verdict.chain, entrance);
  return isNegated && verdict.kind !== 'continue';
}

function walkEntrance(program: string, entrance: Entrance, found: Reading[]): void {
  let steps = 0;
  const accepted: Bypass[] = [];

  /** @returns whether no packet comes out at the end of the chain again */
  function walk(chain: string, path: readonly Condition[], skipped: readonly Bypass[], depth: number): boolean {
    /** What leaves this chain before its end does not meet the rest of it. */
    const returned = [...skipped];
    for (const rule of entrance.chains.get(chain) ?? []) {
      if (++steps > MOST_STEPS || depth > MOST_DEPTH) return false;
      const conditions = [...path, ...rule.conditions];
      for (const look of rule.conditions)
        if (look.kind === 'list' && refuses(rule, look, entrance))
          found.push({ program, entrance: entrance.name, text: rule.text, look, scope: scopeOf(conditions), bypasses: [...accepted, ...returned] });
      const isCertain = rule.conditions.length === 0;
      const { verdict } = rule;
      switch (verdict.kind) {
        case 'accept':
        case 'return':
          // Behind an unconditional ACCEPT the walk goes on: a rule there is what the doctor is asked about.
          if (isCertain && verdict.kind === 'return') return false;
          if (!conditions.some(({ kind }) => kind === 'other' || kind === 'list')) {
            const bypass = { text: rule.text, scope: scopeOf(conditions), isEstablished: conditions.some(({ kind }) => kind === 'established') };
            (verdict.kind === 'accept' ? accepted : returned).push(bypass);
          }
          break;
        case 'drop':
          if (isCertain) return true;
          break;
        case 'jump':
        case 'goto': {
          const ends = walk(verdict.chain, conditions, returned, depth + 1);
          if (isCertain && (ends || verdict.kind === 'goto')) return ends;
          break;
        }
        case 'continue':
      }
    }
    return false;
  }

  walk(entrance.chain, [], [], 0);
}

/** Every rule on the way of a packet to this machine that refuses by a list. */
export function readingsOf(view: View): Reading[] {
  const found: Reading[] = [];
  for (const entrance of view.entrances) walkEntrance(view.program, entrance, found);
  return found;
}
