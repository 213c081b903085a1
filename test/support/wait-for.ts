/** Waiting for something to become true by asking again and again: for what tells nobody when it happens (a kernel list, a file). */

export interface Patience {
  /** Default 20 s. */
  readonly timeoutMs?: number;
  /** Between two looks; default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Asks `look` until it answers with something other than undefined or false, and returns that.
 *
 * @throws when the time is over: what was awaited, and what `look` last threw or `state` says
 */
export async function waitFor<T>(what: string, look: () => T | Promise<T>, patience: Patience = {}, state?: () => unknown): Promise<Exclude<T, undefined | false | null>> {
  const timeoutMs = patience.timeoutMs ?? 20_000;
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false && found !== null) return found as Exclude<T, undefined | false | null>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      const now = state === undefined ? '' : `; now: ${JSON.stringify(await state())}`;
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}${now}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, patience.everyMs ?? 20));
  }
}
