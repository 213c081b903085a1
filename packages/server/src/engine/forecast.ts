/** What the running daemon would do with a line that came now, without doing it. */
import type { Address, Instant, Subject } from 'banban-shared';
import type { Threshold, Windows } from '../count/window.ts';
import { decide, type OffenceFacts } from '../decide/decide.ts';
import { isOwn, newEntry } from '../syslog/entry.ts';
import { unescapeTabs } from '../syslog/lines.ts';
import { parseLine } from '../syslog/parse.ts';
import type { Forecast, RuleForecast } from './contract.ts';
import type { Policy, RunningRule } from './policy.ts';

/** What it looks at. */
export interface ForecastParts {
  readonly policy: Policy;
  readonly windows: Windows;
  readonly at: Instant;
  unitOf(address: Address, target: string): Subject;
  thresholdOf(rule: RunningRule, unit: Subject, at: Instant): Threshold;
  factsOf(rule: RunningRule, unit: Subject, at: Instant): OffenceFacts;
}

/** @param bytes one line as a source would deliver it; they are not changed */
export function forecast(bytes: Buffer, { policy, windows, at, unitOf, thresholdOf, factsOf }: ForecastParts): Forecast {
  const own = newEntry();
  const copy = Buffer.from(bytes);
  parseLine(copy, 0, unescapeTabs(copy, 0, copy.length), own);
  // The parser's buffer is used again with the next line.
  own.text = Buffer.from(own.text);
  const isDropped = isOwn(own) && !policy.watchesOwn;
  const { good, hits, notAnAddress } = isDropped ? { good: undefined, hits: [], notAnAddress: false } : policy.matcher.match(own);
  const foreseen = hits.flatMap(({ rule: index, address, pattern }): RuleForecast[] => {
    const rule = policy.rules[index];
    if (rule === undefined) return [];
    const unit = unitOf(address, rule.config.target);
    const { occurrences } = thresholdOf(rule, unit, at);
    const matches = Math.min(occurrences, (windows.of([rule.threshold], unit, at)[0]?.matches ?? 0) + own.times);
    return [{ rule, address, pattern, matches, occurrences, decision: matches < occurrences ? undefined : decide(factsOf(rule, unit, at)) }];
  });
  const names = isDropped || good !== undefined || hits.length > 0 ? [] : policy.allHostNames().match(own);
  return { entry: own, isOwn: isDropped, good, rules: foreseen, notAnAddress, names: names.flatMap(({ rule: index, ...named }) => (policy.rules[index] === undefined ? [] : [{ ...named, rule: policy.rules[index].config }])) };
}
