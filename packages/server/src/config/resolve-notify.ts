/** The receivers of notifications: what each of them says, made final, and what in it can't be meant. */
import { parseAddress, parsePrefix, prefixSet } from 'banban-shared';
import type { Place, RuleConfig, TargetConfig } from './config.ts';
import { placeUnder, visible } from './document.ts';
import type { Placed } from './field.ts';
import type { Issues } from './issues.ts';
import { MAIL_SECURITY, type NotifyConfig, type NotifyWay, type SmtpConfig } from './notify.ts';
import type { RawConfig } from './schema.ts';
import { suggest } from './suggest.ts';

type RawNotify = RawConfig['notify'][number];

/** RFC 5321 allows 254 characters; without quotes, comments and literals, which nobody's mail needs and every injection does. A bare name is of this machine. */
const MAIL_ADDRESS = /^(?=.{1,254}$)[A-Za-z0-9_][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}(?:@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?$/;
/** A host name or an IPv4 address; an IPv6 address is read as one. */
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
/** RFC 6409, RFC 8314 and RFC 5321. */
const PORTS: Readonly<Record<(typeof MAIL_SECURITY)[number], number>> = { starttls: 587, tls: 465, none: 25 };
/** The ways to receive, each the key that says it. */
const WAYS = ['mail', 'webhook', 'command'] as const;
/** What may stand for something in the arguments of a command. */
const COMMAND_WORDS = ['{type}', '{address}', '{target}', '{rule}', '{count}', '{subject}'] as const;
/** What only one way knows. */
const ONLY: readonly (readonly [key: 'from' | 'smtp' | 'format', way: (typeof WAYS)[number]])[] = [['from', 'mail'], ['smtp', 'mail'], ['format', 'webhook']];

const LOOPBACK = prefixSet(['127.0.0.0/8', '::1'].map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined));

function isOwnMachine(host: string): boolean {
  const address = parseAddress(host);
  return host === 'localhost' || (address !== undefined && LOOPBACK.find(address) !== undefined);
}

function mailAddress(text: Placed<string>, issues: Issues): string {
  if (!MAIL_ADDRESS.test(text.value)) issues.error(text.place, `found the text "${visible(text.value)}", wanted one mail address such as root@localhost or admin@example.org`);
  return text.value;
}

function smtpOf(raw: NonNullable<RawNotify['smtp']>, absolute: (path: string) => string, issues: Issues): SmtpConfig {
  const host = raw.host.value;
  const security = raw.security.value;
  if (!HOST.test(host) && parseAddress(host) === undefined) issues.error(raw.host.place, `found the text "${visible(host)}", wanted the name or address of a mail server`);
  if (raw.user !== undefined && raw.password_file === undefined) issues.error(raw.user.place, 'needs password_file beside it: the file that has the password in its first line');
  if (raw.user === undefined && raw.password_file !== undefined) issues.error(raw.password_file.place, 'needs user beside it: whose password it is');
  if (raw.user !== undefined && security === 'none' && !isOwnMachine(host)) issues.error(raw.security.place, 'can’t be none with a user: everybody on the way could read the password; leave it out (starttls), or say tls');
  if (security !== 'none' && isOwnMachine(host) && raw.security.place.line === 0)
    issues.warn(raw.host.place, `the mail server of this machine is asked for STARTTLS with a certificate for ${visible(host)}, which hardly any has; for plain SMTP write smtp: { host: ${visible(host)}, security: none }`);
  return { host, port: raw.port ?? PORTS[security], security, user: raw.user?.value, passwordFile: raw.password_file === undefined ? undefined : absolute(raw.password_file.value) };
}

/** The URL as it is used, without its fragment; undefined when it is none. The message never has the whole of it, as its path may be a secret. */
function webhookUrl({ value, place }: Placed<string>, issues: Issues): { readonly url: string; readonly host: string } | undefined {
  // The URL class of WHATWG is of the language here as much as JSON is: pure.
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.hostname === '') {
    issues.error(place, 'is not a URL that begins with https:// or http://');
    return undefined;
  }
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'http:' && !isOwnMachine(bare)) issues.warn(place, `is http, so that everybody on the way to ${visible(url.host)} can read what is sent, and the URL; use https if the far side has it`);
  url.hash = '';
  return { url: url.href, host: url.host };
}

function wayOf(raw: RawNotify, place: Place, absolute: (path: string) => string, issues: Issues): { readonly way: NotifyWay; readonly name: string } | undefined {
  const given = WAYS.filter((way) => raw[way] !== undefined);
  if (given.length !== 1) {
    if (given.length === 0) issues.lacks(place, 'says nobody who is told; add mail: ADDRESS, webhook: URL or command: [PROGRAM, …]');
    else issues.error(place, `has ${given.join(' and ')}; make an entry of each`);
    return undefined;
  }
  for (const [key, way] of ONLY) {
    if (raw[key] !== undefined && !given.includes(way)) issues.error(placeUnder(place, key), `is only for ${way}, and this receiver is a ${given.join('')}`);
  }
  if (raw.mail !== undefined) {
    const to = mailAddress(raw.mail, issues);
    const from = raw.from === undefined ? undefined : mailAddress(raw.from, issues);
    const smtp = raw.smtp === undefined ? undefined : smtpOf(raw.smtp, absolute, issues);
    return { way: { kind: 'mail', to, from, smtp, sendmail: absolute(raw.sendmail.value) }, name: `mail ${to}` };
  }
  if (raw.webhook !== undefined) {
    const format = raw.format?.value ?? 'generic';
    const read = webhookUrl(raw.webhook, issues);
    if (raw.whois && format !== 'generic') issues.error(placeUnder(place, 'whois'), `is too long for a message of ${format}; it goes with mails, commands and format: generic`);
    return read === undefined ? undefined : { way: { kind: 'webhook', url: read.url, format }, name: `webhook ${read.host}` };
  }
  const words = raw.command?.value ?? [];
  const strange = words.flatMap((word) => word.match(/\{\w+\}/g) ?? []).find((word) => !COMMAND_WORDS.some((known) => known === word));
  if (strange !== undefined && raw.command !== undefined) issues.error(raw.command.place, `has ${strange}, and only ${COMMAND_WORDS.join(', ')} stand for something here`);
  return { way: { kind: 'command', words }, name: `command ${words[0] ?? ''}` };
}

function chosen(names: readonly Placed<string>[], what: string, known: readonly string[], issues: Issues): ReadonlySet<string> | undefined {
  for (const { value, place } of names) {
    if (known.includes(value)) continue;
    issues.error(place, () => {
      const near = suggest(value, known);
      return `there is no ${what} ${visible(value)}${near === undefined ? '' : `; did you mean ${near}?`}`;
    });
  }
  return names.length === 0 ? undefined : new Set(names.map(({ value }) => value));
}

/** What stands under `notify`. Errors go to `issues`; what can't be used is left out. */
export function resolveNotify(raw: readonly RawNotify[], known: { readonly targets: readonly TargetConfig[]; readonly rules: readonly RuleConfig[] }, absolute: (path: string) => string, issues: Issues): NotifyConfig[] {
  return raw.flatMap((one): NotifyConfig[] => {
    const place = { ...one.on.place, key: one.on.place.key.replace(/\.on$/, '') };
    const to = wayOf(one, place, absolute, issues);
    const targets = chosen(one.targets, 'target', known.targets.map((t) => t.name), issues);
    const rules = chosen(one.rules, 'rule', known.rules.map((r) => r.name), issues);
    if (to === undefined) return [];
    return [{ name: one.name?.value ?? to.name, on: one.on.value, way: to.way, every: one.every, atMost: one.at_most, targets, rules, whois: one.whois, timeout: one.timeout }];
  });
}
