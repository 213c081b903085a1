/** Saying what became of each address, each sentence on its stream. */
import type { Context } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Told } from '../view/ban.ts';

/** @returns failed when one of them failed */
export function tell(context: Context, all: readonly Told[]): ExitCode {
  let code: ExitCode = exitCodes.done;
  for (const one of all) {
    if (one.kind !== 'failed') {
      if (!context.json) context.note(one.text);
      continue;
    }
    code = exitCodes.failed;
    if (!context.json) context.complain(one.text);
  }
  return code;
}
