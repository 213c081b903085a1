/** `doctor`: what differs between what is banned and what the kernel has, and what is wrong with the rules. */
import type { DoctorResponse } from 'banban-shared';
import { findingsPage, listName } from './findings.ts';
import type { Paint } from './paint.ts';
import { some } from './some.ts';

type Difference = DoctorResponse['targets'][number];

const nameOf = ({ target, backend }: Difference): string => listName(target, backend) ?? '';

function differences({ targets, findings }: DoctorResponse, paint: Paint): string[] {
  const missing = targets.filter((one) => one.missingCount > 0);
  const foreign = targets.filter((one) => one.foreignCount > 0);
  // Where a finding says why, it also says what heals it.
  const isExplained = missing.every((one) => findings.some((finding) => finding.target === one.target && finding.backend === one.backend));
  const heal = isExplained ? '' : `\n    ${paint.dim('heal it:')} banctl reconcile`;
  return [
    ...(missing.length === 0 ? [] : [`${paint.bold('banned, and not in the list')}\n${missing.map((one) => `  ${paint.bad('!')} ${nameOf(one)}: ${some(one.missing, one.missingCount)}`).join('\n')}${heal}`]),
    ...(foreign.length === 0 ? [] : [`${paint.bold('in the list, and not banban\'s')} (left alone; banctl ban takes over)\n${foreign.map((one) => `    ${nameOf(one)}: ${some(one.foreign, one.foreignCount)}`).join('\n')}`]),
  ];
}

/** The page, without a newline at the end. */
export function doctorPage(answer: DoctorResponse, paint: Paint): string {
  const findings = findingsPage(answer.findings, paint);
  const lists = answer.targets.map(nameOf);
  const held = lists.length === 0 ? 'there is no list that would have to hold anything' : `${lists.join('; ')} ${lists.length === 1 ? 'holds' : 'hold'} all that is banned, and no firewall rule is missing`;
  const isWell = findings === undefined && answer.targets.every((one) => one.missingCount === 0);
  return [...(isWell ? [`${paint.good('All is well')}: ${held}.`] : []), ...(findings === undefined ? [] : [findings]), ...differences(answer, paint)].join('\n\n');
}
