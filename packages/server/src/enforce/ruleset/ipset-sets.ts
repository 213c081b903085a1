/** The sets of ipset that the rules of iptables look into: what is wanted of them, and what `ipset list -t` says that is there. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import { ipsetName, type SetKind } from '../names.ts';
import { ipsetCreateLines } from './ipset-lines.ts';

/** What decides whether a set can do what is asked of it. */
export interface SetShape {
  /** `hash:ip`. */
  readonly type: string;
  /** `inet` or `inet6`; empty for types that have none. */
  readonly family: string;
  /** Bits that addresses are cut to, as they are looked up; undefined for none. */
  readonly netmask: string | undefined;
  readonly hasTimeout: boolean;
  readonly hasCounters: boolean;
}

/** A set that has to be there. */
export interface WantedIpset {
  readonly name: string;
  readonly target: string;
  readonly shape: SetShape;
  /** For `ipset restore -exist`. */
  readonly line: string;
}

/** Of options as they stand both in a line that makes a set and in what lists it. */
function shapeOf(type: string, options: readonly string[]): SetShape {
  const after = (name: string): string | undefined => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);
  return { type, family: after('family') ?? '', netmask: after('netmask'), hasTimeout: options.includes('timeout'), hasCounters: options.includes('counters') };
}

/** The sets that the targets with ipset need. */
export const wantedIpsets = (targets: readonly TargetConfig[]): readonly WantedIpset[] =>
  targets
    .filter(({ backends }) => backends.includes('ipset'))
    .flatMap((target) =>
      ipsetCreateLines(target).map((line) => {
        const [, name = '', type = '', ...options] = line.split(' ');
        return { name, target: target.name, shape: shapeOf(type, options), line };
      }),
    );

/** Whether a set is one that banban makes for a target. */
export const isOurIpset = (name: string): boolean => /^banban-.+-[46]n?$/.test(name);

/** Reads what `ipset list -t` prints. */
export function parseIpsets(text: string): ReadonlyMap<string, SetShape> {
  const sets = new Map<string, SetShape>();
  for (const block of text.split('\n\n')) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]?.trim() ?? '';
    const name = field('Name');
    if (name !== '') sets.set(name, shapeOf(field('Type'), field('Header').split(' ')));
  }
  return sets;
}

/** What a set has that it should not have, or has not; undefined when it is right. */
export function shapeDiffers(wanted: SetShape, found: SetShape): string | undefined {
  const words = ({ type, family, netmask, hasTimeout, hasCounters }: SetShape): string =>
    [type, family, netmask === undefined ? '' : `netmask ${netmask}`, hasTimeout ? 'timeout' : '', hasCounters ? 'counters' : ''].filter(Boolean).join(' ');
  const [right, is] = [words(wanted), words(found)];
  return right === is ? undefined : `is "${is}" and has to be "${right}"`;
}

/** The names of a target's sets of a family. */
export const ipsetsOf = (target: string, family: Family): readonly string[] => (['host', 'net'] as const satisfies readonly SetKind[]).map((kind) => ipsetName(target, family, kind));
