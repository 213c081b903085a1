/**
 * A line of banban's own that goes the whole way of an attacker's: by `logger` into the machine's syslog, from there to banband, into
 * the database, into the kernel, and out again. What the admin learns is not that the parts work but that they hang together.
 */
import { randomBytes } from 'node:crypto';
import { isNetwork, ms, parseAddress, type Address, type CanaryResponse } from 'banban-shared';
import type { Clock } from './clock.ts';
import { exec } from './enforce/exec.ts';
import type { Engine } from './engine/contract.ts';

/** What it works with; `precise` is for measuring. */
export interface CanaryParts {
  readonly clock: Clock;
  readonly precise: () => number;
  readonly engine: Engine;
  /** Where the line has to arrive, for the sentence when it does not. */
  readonly socket: string;
}

type Step = CanaryResponse['steps'][number]['step'];

/** A syslog daemon hands a line on within milliseconds; one with a queue on disk may take its time. */
const PATIENCE = ms(10_000);
/** Should everything fail on the way out, the ban still ends. */
const LENGTH = ms(60_000);
const LOOK_EVERY = ms(10);

/** An address of TEST-NET-1 or TEST-NET-3 (RFC 5737), which nobody has, that is neither allowed nor banned. */
function freeAddress({ allowed, history }: Engine): Address | undefined {
  for (const network of ['203.0.113', '192.0.2', '198.51.100']) {
    for (const host of [77, 78, 79, 101, 151, 201]) {
      const address = parseAddress(`${network}.${host}`);
      if (address !== undefined && allowed.find(address) === undefined && history(address).bans.length === 0) return address;
    }
  }
  return undefined;
}

/** Sends one. `target` exists; `by` is who asked. */
export async function sendCanary({ clock, precise, engine, socket }: CanaryParts, target: string): Promise<CanaryResponse> {
  const address = freeAddress(engine);
  const steps: CanaryResponse['steps'] = [];
  let last = precise();
  const done = (step: Step, detail: string): void => {
    const now = precise();
    steps.push({ step, milliseconds: Math.round((now - last) * 100) / 100, detail });
    last = now;
  };
  const ended = (problem: string | null): CanaryResponse => ({ ok: problem === null, target, address: address ?? '', steps, problem });
  if (address === undefined) return ended('every documentation address that the canary could use is allowed or banned');

  const token = randomBytes(12).toString('hex');
  let arrived: () => void = () => undefined;
  const arrival = new Promise<boolean>((resolve) => {
    arrived = () => resolve(true);
    clock.after(PATIENCE, () => resolve(false));
  });
  // From the moment of its arrival, whatever the loop does meanwhile.
  const forget = engine.expectLine(token, () => {
    done('received', `by ${socket}`);
    arrived();
  });
  try {
    const sent = await exec('logger', ['-t', 'banban-canary', '-p', 'auth.info', '--', `canary ${token} from ${address}`], { clock, timeout: PATIENCE });
    if (sent.kind !== 'ended') return ended(sent.message);
    if (sent.code !== 0) return ended(`logger ended with ${sent.code ?? sent.signal ?? 'an error'}: ${sent.stderr.split('\n')[0] ?? ''}`);
    if (!steps.some((s) => s.step === 'received')) done('sent', 'by logger, as auth.info');
    if (!(await arrival)) return ended(`the line did not come back within ${PATIENCE / 1000} s: does the syslog daemon run, and does it send auth.info to ${socket}? config/rsyslog and config/syslog-ng have what it needs`);
  } finally {
    forget();
  }
  // logger may end after its line has arrived; then the way is told by the arrival.
  if (steps[0]?.step === 'received') steps.unshift({ step: 'sent', milliseconds: 0, detail: 'by logger, as auth.info' });

  const marks = new Map<string, number>();
  const [outcome] = engine.ban({ subjects: [address], target, length: LENGTH, reason: 'canary: ends by itself', by: 'doctor', onStored: () => marks.set('database', precise()) });
  if (outcome === undefined || outcome.outcome === 'refused') return ended(`${address} could not be banned in ${target}`);
  const stored = marks.get('database') ?? precise();
  steps.push({ step: 'database', milliseconds: Math.round((stored - last) * 100) / 100, detail: `ban ${outcome.ban.id}` });
  last = stored;
  const until = async (isSo: () => boolean): Promise<boolean> => {
    for (let waited = 0; !isSo(); waited += LOOK_EVERY) {
      if (waited > PATIENCE) return false;
      await new Promise<void>((resolve) => clock.after(LOOK_EVERY, resolve));
    }
    return true;
  };
  const isHeld = await until(() => engine.enforcementOf(outcome.ban) !== 'pending');
  const state = engine.enforcementOf(outcome.ban);
  if (isHeld && state === 'held') done('kernel', engine.targetStates().find((t) => t.name === target)?.backends.map((b) => b.backend).join(', ') ?? target);
  const [freed] = engine.unban({ subjects: [address], target, by: 'doctor' });
  if (state !== 'held') return ended(`the kernel does not hold the ban (${state}): ${engine.targetStates().find((t) => t.name === target)?.message ?? 'banctl status says why'}`);
  const isFree = freed !== undefined && freed.unreleased.length === 0 && (await until(() => engine.isReleased(outcome.ban)));
  if (!isFree) return ended(`${address} could not be taken out of ${target} again; it ends by itself within a minute`);
  done('released', isNetwork(outcome.ban.address) ? outcome.ban.address : address);
  return ended(null);
}
