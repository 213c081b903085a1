/** The way of one tagged line from syslog to the kernel and back. */
import type { CanaryResponse } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

type Step = CanaryResponse['steps'][number]['step'];

const STEP_WORDS: Readonly<Record<Step, string>> = {
  sent: 'sent to syslog',
  received: 'received back',
  database: 'in the database',
  kernel: 'in the kernel',
  released: 'out again',
};

const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;

/** The page, without a newline at the end. */
export function canaryPage({ ok, target, address, steps, problem }: CanaryResponse, paint: Paint): string {
  const head = paint.bold(`canary${address === '' ? '' : ` ${printable(address, 80)}`} in ${printable(target, 80)}`);
  const rows = steps.map(({ step, milliseconds: took, detail }) => [STEP_WORDS[step], milliseconds(took), detail]);
  const way = rows.length === 0 ? [] : [table([{ title: 'STEP' }, { title: 'TOOK', right: true }, { title: '' }], rows, paint, { indent: '  ' })];
  const whole = steps.reduce((sum, { milliseconds: took }) => sum + took, 0);
  const end = ok ? `${paint.good('It came back')}: from the log line to the kernel and out again in ${milliseconds(whole)}.` : `${paint.bad('IT DID NOT COME BACK')}: ${printable(problem ?? 'banband does not say why', 1000)}`;
  return [head, ...way, end].join('\n');
}
