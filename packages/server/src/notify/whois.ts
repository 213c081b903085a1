/** What the program whois says of an address: asked for beside everything else, once for a network and a day, and made harmless. */
import { familyOf, instant, ms, networkOf, prefixOf, type Instant, type Prefix, type Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { exec } from '../enforce/exec.ts';
import { printable } from '../observe/log.ts';
import { cut } from './batch.ts';
import type { WhoisText } from './receiver.ts';

/** One answer takes a second or two; a registry that is slow is not waited for. */
const LONGEST_RUN = ms(10_000);
/** Registries bar who asks too much at once. */
const MOST_AT_ONCE = 2;
/** Networks in one message; more of it nobody reads. */
const MOST_IN_MESSAGE = 5;
/** What is longer is mostly the registry's rules, again and again. */
const LONGEST_TEXT = 16_384;
/** Who holds a network does not change within a day; a failure may be over sooner. */
const KEPT = 86_400_000;
const FAILURE_KEPT = 600_000;
/** At most 4 MiB. */
const MOST_KEPT = 256;

/** One for all receivers. */
export interface Whois {
  /** What is known of the first few networks of these, each once; sentences in parentheses where nothing is. Never rejects; asks no more once `signal` says so. */
  about(subjects: readonly Subject[], signal: AbortSignal): Promise<readonly WhoisText[]>;
}

/** Registries give out no smaller blocks to anybody but their own customers. */
function blockOf(subject: Subject): Prefix {
  const { address, bits } = networkOf(subject);
  return prefixOf(address, Math.min(bits, familyOf(subject) === 4 ? 24 : 48));
}

/** Without the registry's comments, and without anything that a terminal would do something about. */
function readable(output: string): string {
  const lines = output.split(/\r?\n/).filter((line) => !/^[%#]/.test(line)).map((line) => printable(line.replaceAll('\t', '  ')).trimEnd());
  return cut(lines.join('\n').replace(/\n{3,}/g, '\n\n').trim(), LONGEST_TEXT);
}

/** @param path directories in which whois is looked for, as in PATH; default: the daemon's own */
export function createWhois({ clock, path }: { readonly clock: Clock; readonly path?: string }): Whois {
  const known = new Map<Prefix, { readonly text: string; readonly until: Instant }>();
  const asked = new Map<Prefix, Promise<string | undefined>>();
  let running = 0;
  const waiting: (() => void)[] = [];

  /** Undefined when it was given up, of which nothing follows. */
  async function ask(subject: Subject, signal: AbortSignal): Promise<{ readonly text: string; readonly isAnswer: boolean } | undefined> {
    if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      const result = await exec('whois', [subject], { clock, timeout: LONGEST_RUN, signal, ...(path !== undefined && { path }) });
      if (result.kind === 'stopped') return undefined;
      if (result.kind !== 'ended') return { text: `(${result.message})`, isAnswer: false };
      const text = readable(result.stdout);
      return text === '' ? { text: `(whois has nothing on it${result.code === 0 ? '' : `, exit code ${result.code ?? 'unknown'}`})`, isAnswer: false } : { text, isAnswer: true };
    } finally {
      running--;
      waiting.shift()?.();
    }
  }

  function keep(block: Prefix, text: string, length: number): void {
    known.delete(block);
    const [oldest] = known.keys();
    if (known.size >= MOST_KEPT && oldest !== undefined) known.delete(oldest);
    known.set(block, { text, until: instant(clock.now() + length) });
  }

  async function lookUp(subject: Subject, signal: AbortSignal): Promise<string | undefined> {
    const block = blockOf(subject);
    const cached = known.get(block);
    if (cached !== undefined && cached.until > clock.now()) return cached.text;
    const pending = asked.get(block);
    if (pending !== undefined) return pending;
    const answer = ask(subject, signal).then((said) => {
      asked.delete(block);
      if (said !== undefined) keep(block, said.text, said.isAnswer ? KEPT : FAILURE_KEPT);
      return said?.text;
    });
    asked.set(block, answer);
    return answer;
  }

  return {
    async about(subjects, signal) {
      const blocks = new Map<Prefix, Subject>();
      for (const subject of subjects) {
        const block = blockOf(subject);
        if (!blocks.has(block) && blocks.size < MOST_IN_MESSAGE) blocks.set(block, subject);
      }
      const limit = givenUpBy(signal);
      return Promise.all([...blocks.values()].map(async (subject) => ({ subject, text: (await Promise.race([lookUp(subject, signal), limit])) ?? '(whois took too long)' })));
    },
  };
}

/** Resolves when the signal says so: another's question may be the one that is waited for, and end later. */
const givenUpBy = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => (signal.aborted ? resolve(undefined) : signal.addEventListener('abort', () => resolve(undefined), { once: true })));
