/** From a file to a configuration, and the only door to js-yaml. */
import { resolve as absolutePath } from 'node:path';
import { FAILSAFE_SCHEMA, load, YAMLException, type EventType, type State } from 'js-yaml';
import { check } from './check.ts';
import { compose, type Parsed } from './compose.ts';
import { ConfigError } from './config-error.ts';
import type { Config, Issue, Place } from './config.ts';
import { found, isNothing, visible, type Node } from './document.ts';
import { issues, type Issues } from './issues.ts';
import { fromOriginal, isOriginal } from './original.ts';
import { readText } from './read-text.ts';
import { resolve } from './resolve.ts';
import { schema } from './schema.ts';

/** js-yaml makes text of every key; this one's text is a number by which the key is found again, with its line. */
class YamlNode implements Parsed {
  // js-yaml calls toString only of what says that it is no plain object.
  readonly [Symbol.toStringTag] = 'YamlNode';
  constructor(
    readonly id: number,
    readonly line: number,
    readonly content: unknown,
    readonly plain: boolean,
  ) {}
  toString(): string {
    return `#${this.id}`;
  }
}

/** What the parser's state has and its types leave out. */
interface FullState extends State {
  readonly depth: number;
  readonly tag: string | null;
  readonly anchor: string | null;
  readonly anchorMap: Record<string, unknown>;
}

/** Words of js-yaml that need the next step said. */
function hintFor(reason: string): string {
  if (reason.includes('escape sequence')) return '; write patterns in single quotes, where a backslash is a backslash';
  if (reason.includes('tab characters')) return '; use spaces';
  if (reason.includes('single document')) return '; remove what follows the second ---';
  if (reason.includes('indentation') || reason.includes('implicit')) return '; look at the spaces at the start of this line and the one before, and put patterns in single quotes';
  return '';
}

/**
 * Parses YAML into a tree. Undefined when there is none, with the reason in `problems`.
 *
 * @throws ConfigError for a text that is not YAML
 */
export function parseYaml(text: string, file: string, problems: Issues): Node | undefined {
  const nodes: YamlNode[] = [];
  const begun: number[] = [];
  /**
   * Wraps each node as it is finished. The scalars stay text (failsafe schema), so that `0660` can be told from `432` and messages
   * show what the admin wrote. Kept by depth and not on a stack, because js-yaml reads some nodes twice.
   */
  function listener(type: EventType, plainState: State): void {
    const state = plainState as FullState;
    if (type === 'open') {
      begun[state.depth] = state.line + 1;
      return;
    }
    if (state.result === null && state.kind === null) return;
    // A scalar in a block passes here twice, the first time as what might have been a key.
    if (state.result instanceof YamlNode && (state.kind as string | null) !== null) {
      if (state.tag !== null && state.tag !== '?' && state.result.plain) state.result = nodes[state.result.id] = new YamlNode(state.result.id, state.result.line, state.result.content, false);
      return;
    }
    const node = new YamlNode(nodes.length, begun[state.depth] ?? 0, state.result, state.kind === 'scalar' && state.tag === '?');
    nodes.push(node);
    state.result = node;
    // So that an alias of `10` is a number as well.
    if (state.anchor !== null) state.anchorMap[state.anchor] = node;
  }
  const whole: Place = { file, line: 0, key: '' };
  let root: unknown;
  try {
    root = load(text, {
      schema: FAILSAFE_SCHEMA,
      listener,
      onWarning: (warning) => problems.warn({ ...whole, line: lineOf(warning) }, `YAML: ${visible(warning.reason)}`),
    });
  } catch (cause) {
    const reason = cause instanceof YAMLException ? cause.reason : String(cause);
    const line = cause instanceof YAMLException ? lineOf(cause) : 0;
    throw new ConfigError([{ ...whole, line, severity: 'error', message: `this is not YAML: ${visible(reason)}${hintFor(reason)}` }], { cause });
  }
  const isParsed = (value: unknown): value is Parsed => value instanceof YamlNode;
  return compose(root ?? null, file, isParsed, (key) => (/^#\d+$/.test(key) ? nodes[Number(key.slice(1))] : undefined), problems);
}

/** js-yaml's mark is absent where the whole document is meant, whatever its types say. */
function lineOf(error: YAMLException): number {
  const mark = error.mark as YAMLException['mark'] | undefined;
  return mark === undefined ? 0 : mark.line + 1;
}

/**
 * Reads a configuration of today's form, or the original's.
 *
 * @throws ConfigError with everything that is wrong with the file, warnings too; never anything else
 */
export function loadConfig(path: string): { config: Config; warnings: readonly Issue[] } {
  const whole: Place = { file: path, line: 0, key: '' };
  const refuse = (message: string, cause?: unknown) => new ConfigError([{ ...whole, severity: 'error', message }], { cause });
  const read = readText(path);
  if ('problem' in read) throw refuse(read.problem, read.cause);

  const problems = issues();
  const document = parseYaml(read.text, path, problems);
  if (document === undefined) throw new ConfigError(problems.all(path));
  if (isNothing(document)) throw refuse('the file is empty; begin with a copy of config/banban.yml');
  if (document.kind !== 'map') throw refuse(`found ${found(document)}, wanted a map with keys such as targets and rules; is it the right file?`);

  const raw = check(schema, isOriginal(document) ? fromOriginal(document, problems) : document, problems);
  const config = raw === undefined ? undefined : resolve(raw, path, (each) => absolutePath(each), problems);
  const all = problems.all(path);
  if (config === undefined || problems.failed) throw new ConfigError(all);
  return { config, warnings: all };
}
