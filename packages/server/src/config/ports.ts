/** Ports as an admin writes them. */
import type { PortRange } from './config.ts';

/** Names of the IANA registry of services that servers have open, and those that Debian's /etc/services has for the same. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ['ftp', 21], ['ssh', 22], ['telnet', 23], ['smtp', 25], ['domain', 53], ['http', 80], ['pop3', 110], ['pop-3', 110], ['imap', 143], ['imap2', 143], ['ldap', 389],
  ['https', 443], ['smtps', 465], ['submissions', 465], ['submission', 587], ['ldaps', 636], ['ftps', 990], ['imaps', 993], ['pop3s', 995],
  ['openvpn', 1194], ['ms-sql-s', 1433], ['mysql', 3306], ['ms-wbt-server', 3389], ['rdp', 3389], ['sieve', 4190], ['sip', 5060], ['sips', 5061], ['xmpp-client', 5222], ['xmpp-server', 5269],
  ['postgresql', 5432], ['redis', 6379], ['mongodb', 27_017], ['webmin', 10_000],
]);

/** `smtp`, `587`, `6000-6010`; undefined for anything else. */
export function portsOf(text: string): PortRange | undefined {
  const named = PORTS.get(text.toLowerCase());
  if (named !== undefined) return { first: named, last: named };
  const range = /^([1-9]\d{0,4})(?:[-:]([1-9]\d{0,4}))?$/.exec(text);
  if (range === null) return undefined;
  const first = Number(range[1]);
  const last = Number(range[2] ?? range[1]);
  return first <= last && last <= 65_535 ? { first, last } : undefined;
}
