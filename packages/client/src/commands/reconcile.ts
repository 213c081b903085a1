import { exitCodes } from '../exit.ts';
import { reconcileTable } from '../view/reconcile.ts';
import { counted } from '../view/size.ts';
import type { Command } from './command.ts';

/** `banctl reconcile`: exit 1 when active bans stay that the kernel does not hold. */
export const reconcile: Command = {
  verb: 'reconcile',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'make the kernel lists agree with the active bans now',
  options: [],
  examples: [],
  async run(context) {
    const { value, text } = await context.client.call('reconcile', {});
    const notHeld = value.targets.reduce((sum, target) => sum + target.notHeld, 0);
    if (context.json) context.body(text);
    else {
      context.note(reconcileTable(value, context.paint));
      if (notHeld > 0) context.complain(`${counted(notHeld, 'active ban')} ${notHeld === 1 ? 'is' : 'are'} NOT ENFORCED; "banctl status" says why.`);
    }
    return notHeld > 0 ? exitCodes.failed : exitCodes.done;
  },
};
