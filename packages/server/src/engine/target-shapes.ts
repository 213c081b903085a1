/**
 * What a target was in the last run, so that a configuration that changed while banband was down is treated as one that changes while it
 * runs: rows in lists that are nobody's any more are taken out.
 */
import { ms } from 'banban-shared';
import { BACKENDS, type BackendName, type TargetConfig } from '../config/config.ts';

/** All of a target that says which rows it left where; lengths of bans and rules are nothing of it. */
export function shapeText({ name, backends, ipv6Prefix, command }: TargetConfig): string {
  return JSON.stringify({ name, backends, ipv6Prefix, command });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === 'string');
const isBackend = (text: string): text is BackendName => BACKENDS.some((one) => one === text);

function commandOf(value: unknown): TargetConfig['command'] {
  if (!isRecord(value)) return undefined;
  const { ban, unban, timeout } = value;
  if (!isTexts(ban) || !isTexts(unban) || typeof timeout !== 'number') return undefined;
  // What was banned is taken out one by one: to empty the whole is not this target's any more.
  return { ban, unban, flush: undefined, timeout: ms(timeout) };
}

/** The target that a text of `shapeText` stands for; undefined for a text of another kind. */
export function targetOfShape(text: string): TargetConfig | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { name, backends, ipv6Prefix } = value;
  if (typeof name !== 'string' || !isTexts(backends) || typeof ipv6Prefix !== 'number') return undefined;
  const known = backends.filter(isBackend);
  const command = commandOf(value['command']);
  const usable = known.filter((backend) => backend !== 'command' || command !== undefined);
  return { name, backends: usable, ban: [],
    jitter: 0, ports: [], protocols: [], action: 'drop', ipv6Prefix, networkAfter: undefined, seconds: undefined, command, place: { file: '', line: 0, key: '' } };
}
