/** Reading the options of banband's verbs. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Arguments that can't be understood; the message is a clause for `banband: …; see banband --help`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** parseArgs, with its complaint cut to its first sentence. @throws UsageError */
export function readOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error), { cause: error });
  }
}
