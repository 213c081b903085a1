import type { Context } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { nearest } from '../nearest.ts';
import { findingsPage, hasError } from '../view/findings.ts';
import { firewallChange, firewallText } from '../view/firewall.ts';
import { printable } from '../view/printable.ts';
import type { Command } from './command.ts';

const ACTIONS = ['print', 'check', 'install', 'remove'] as const;
type Action = (typeof ACTIONS)[number];

const isAction = (word: string): word is Action => ACTIONS.some((action) => action === word);

/** `banctl firewall print|check|install|remove`: check ends with 1 when bans are not enforced, install and remove when something could not be done. */
export const firewall: Command = {
  verb: 'firewall',
  operands: 'print|check|install|remove',
  addresses: { least: 1, most: 1 },
  noun: 'action',
  summary: 'the rules that read the lists: show, check, put in, take out',
  options: [],
  timeoutSeconds: 60,
  examples: [
    ['banctl firewall check', 'does a rule read each list, and early enough?'],
    ['banctl firewall install', 'put in what is missing; idempotent'],
    ['banctl firewall print', 'the rules as text, to put in yourself'],
  ],
  check({ addresses: [word = ''] }) {
    if (isAction(word)) return undefined;
    const meant = nearest(word, ACTIONS);
    return `firewall takes print, check, install or remove, and not "${printable(word, 80)}"${meant === undefined ? '.' : `; did you mean "${meant}"?`}`;
  },
  run: (context, { addresses: [word = ''] }) => actions[isAction(word) ? word : 'check'](context),
};

const actions: { readonly [A in Action]: (context: Context) => Promise<ExitCode> } = {
  async print(context) {
    const { value, text } = await context.client.call('firewall', {});
    if (context.json) context.body(text);
    else context.answer(firewallText(value));
    return exitCodes.done;
  },
  async check(context) {
    const { value, text } = await context.client.call('firewallCheck', {});
    if (context.json) context.body(text);
    else context.answer(findingsPage(value.findings, context.paint) ?? `${context.paint.good('All is well')}: the firewall has the rules that the targets need, each where it has to be.`);
    return hasError(value.findings) ? exitCodes.failed : exitCodes.done;
  },
  install: (context) => change(context, 'firewallInstall', 'All rules are there already: nothing to do.'),
  remove: (context) => change(context, 'firewallRemove', 'There are no rules of banban\'s: nothing to do.'),
};

async function change(context: Context, route: 'firewallInstall' | 'firewallRemove', nothing: string): Promise<ExitCode> {
  const { value, text } = await context.client.call(route, {});
  const { done, failed } = firewallChange(value);
  if (context.json) context.body(text);
  else {
    for (const line of done) context.note(line);
    for (const line of failed) context.complain(line);
    if (done.length + failed.length === 0) context.note(nothing);
  }
  return failed.length > 0 ? exitCodes.failed : exitCodes.done;
}
