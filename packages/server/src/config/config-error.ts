/** A configuration's faults in words, and the one error that carries them. */
import type { Issue } from './config.ts';

/** `file:line: key: message`, leaving out what is not known. */
export function formatIssue(issue: Issue): string {
  const where = issue.line > 0 ? `${issue.file}:${issue.line}` : issue.file;
  const warning = issue.severity === 'warning' ? 'warning: ' : '';
  return `${where}: ${warning}${issue.key === '' ? '' : `${issue.key}: `}${issue.message}`;
}

/** A configuration that can't be used; `issues` has every reason at once, warnings among them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly issues: readonly Issue[], options?: ErrorOptions) {
    super(issues.filter((i) => i.severity === 'error').map(formatIssue).join('\n'), options);
  }
}
