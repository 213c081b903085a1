import { exitCodes } from '../exit.ts';
import { canaryPage } from '../view/canary.ts';
import { doctorPage } from '../view/doctor.ts';
import { hasError } from '../view/findings.ts';
import type { Command } from './command.ts';

/** `banctl doctor [--canary] [--target T]`: exit 1 when something is not enforced, or when the canary did not come back. */
export const doctor: Command = {
  verb: 'doctor',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'whether the kernel has what is banned, and a rule reads it',
  options: ['canary', 'target'],
  // The canary waits for the machine's syslog.
  timeoutSeconds: 60,
  examples: [
    ['banctl doctor', 'what is wrong, and what heals it'],
    ['banctl doctor --canary', 'bans a documentation address for a moment'],
  ],
  check: ({ canary, target }) => (target !== undefined && !canary ? '--target says where the canary is banned: give --canary, too.' : undefined),
  async run(context, { canary, target }) {
    const found = await context.client.call('doctor', {});
    const isIll = hasError(found.value.findings);
    if (!canary) {
      if (context.json) context.body(found.text);
      else context.answer(doctorPage(found.value, context.paint));
      return isIll ? exitCodes.failed : exitCodes.done;
    }
    // What is known already is shown while the canary is on its way.
    if (!context.json) context.answer(`${doctorPage(found.value, context.paint)}\n`);
    const flown = await context.client.call('canary', { body: { by: context.by, ...(target !== undefined && { target }) } });
    if (context.json) context.body(`{"doctor":${found.text},"canary":${flown.text}}`);
    else context.answer(canaryPage(flown.value, context.paint));
    return isIll || !flown.value.ok ? exitCodes.failed : exitCodes.done;
  },
};
