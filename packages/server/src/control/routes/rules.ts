/** What the rules and patterns do, and what they would do with one line. */
import { ApiError, toIso, type MatchResponse, type PatternView, type RuleStatus } from 'banban-shared';
import type { DaemonView, EngineView, PatternInUse } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';
import { isoOf } from '../views.ts';

/** Every rule of the configuration with its counters, in the order of the file. */
export function ruleViews(engine: EngineView): RuleStatus[] {
  const stopped = engine.stoppedRules();
  return engine.policy.config.rules.map(({ name, target, countsBansOf, occurrences, interval }) => {
    const stop = stopped.get(name);
    return {
      name, target, counts: countsBansOf === undefined ? 'lines' : 'bans', occurrences, intervalSeconds: Math.round(interval / 1000), ...engine.ruleCounters(name),
      disabled: engine.policy.disabled.get(name) ?? null,
      stopped: stop === undefined ? null : { since: isoOf(stop.since), reason: stop.reason },
    };
  });
}

function viewOf({ engine }: DaemonView, { name, good, rules, compiled, pack, packPattern }: PatternInUse): PatternView {
  const { matches, bans, pardoned, lastAt } = engine.patternCounters(name);
  // All beginnings of one pattern are booked under its name.
  const cost = compiled[0] === undefined ? 0 : engine.policy.matcher.costOf(compiled[0]);
  return {
    name, good, rules: [...rules], pack: pack?.name ?? null, group: packPattern?.group ?? null,
    matches, bans, pardoned, cpuMilliseconds: Math.round(cost * 1000) / 1000, lastAt: lastAt === undefined ? null : isoOf(lastAt),
    switchedOff: engine.switchedOff().get(name) ?? null,
  };
}

/** GET /v1/rules: rules and patterns with what they did since the start. */
export const rulesHandler: Handler<'rules'> = (daemon) => ({
  rules: ruleViews(daemon.engine),
  patterns: [...daemon.engine.policy.patterns.values()].map((p) => viewOf(daemon, p)).sort((a, b) => (a.name < b.name ? -1 : 1)),
});

/** POST /v1/rules/resume: lets a rule ban again that the circuit breaker has stopped. */
export const resumeHandler: Handler<'resume'> = ({ engine }, { body: { rule, by } }) => {
  if (engine.policy.config.rules.every(({ name }) => name !== rule)) throw new ApiError('unknown_rule', `there is no rule ${JSON.stringify(rule)}; banctl rules lists them`);
  return { rule, resumed: engine.resumeRule(rule, by) };
};

/** GET /v1/pattern: one pattern with its expression and its evidence. */
export const patternHandler: Handler<'pattern'> = (daemon, { query }) => {
  const used = daemon.engine.policy.patterns.get(query.name);
  if (used === undefined) throw new ApiError('unknown_pattern', `no pattern ${JSON.stringify(query.name)} is in use; banctl rules lists those that are`);
  const { pack, packPattern, compiled } = used;
  return {
    pattern: viewOf(daemon, used),
    expressions: compiled.map((p) => p.source),
    service: pack?.service ?? null,
    about: pack?.groups.find((g) => g.name === packPattern?.group)?.about ?? null,
    source: packPattern?.source ?? null,
    samples: packPattern?.samples.map(({ line, address, user }) => ({ line, address, user: user ?? null })) ?? [],
    misses: [...(packPattern?.misses ?? [])],
  };
};

/** POST /v1/match: what would be done about a line that came now. Nothing is counted and nobody is banned. */
export const matchHandler: Handler<'match'> = ({ engine }, { body }) => {
  const { entry, isOwn, good, rules, notAnAddress, names } = engine.forecast(Buffer.from(body.line));
  const [first] = rules;
  const found = good ?? first;
  const bytes = entry.text.subarray(entry.textStart, entry.textEnd);
  return {
    program: entry.programEnd > entry.textStart ? entry.text.toString('utf8', entry.textStart, entry.programEnd) : null,
    text: bytes.toString(),
    verdict: isOwn ? 'own' : good !== undefined ? 'good' : first !== undefined ? 'bad' : null,
    address: found?.address ?? null,
    user: found?.pattern.userOf(bytes) ?? null,
    pattern: found?.pattern.name ?? null,
    notAnAddress,
    hostNames: names.map(({ rule, name, pattern }) => ({ name, rule: rule.name, pattern: pattern.name, usedns: rule.usedns })),
    times: entry.times,
    rules: rules.map(({ rule, address, pattern, matches, occurrences, decision }): MatchResponse['rules'][number] => ({
      rule: rule.config.name,
      target: rule.config.target,
      pattern: pattern.name,
      address,
      matches,
      occurrences,
      decision: decision?.kind ?? 'counted',
      level: decision?.level ?? null,
      until: decision === undefined || decision.kind === 'none' ? null : toIso(decision.until),
      reason: decision?.kind === 'none' ? decision.reason : null,
    })),
  };
};
