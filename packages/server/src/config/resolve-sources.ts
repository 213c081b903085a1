/** The sources of log lines: what each of them says, made final, and what in it can't be meant. */
import { DEFAULT_LOG_SOCKET, parseAddress } from 'banban-shared';
import type { RuleConfig } from './config.ts';
import { visible } from './document.ts';
import type { Placed } from './field.ts';
import type { Issues } from './issues.ts';
import type { RawConfig } from './schema.ts';
import type { SourceConfig } from './sources.ts';
import { suggest } from './suggest.ts';

type RawSource = NonNullable<RawConfig['sources']>[number];

/** Each is a thread of work of its own, and a line in status. */
const MOST_SOURCES = 50;
/** journalctl takes them as arguments; systemd allows 255 characters for a unit. */
const UNIT = /^[A-Za-z0-9:_.\\@*?[\]-]{1,255}$/;
/** systemd.journal-fields(7): capitals, digits and underscores, at most 64. */
const MATCH = /^[A-Z0-9_]{1,64}=[^\p{Cc}]{1,1024}$/u;
/** The default of `socket.mode`. */
const DEFAULT_MODE = 0o660;

function endpoint({ value, place }: Placed<string>, issues: Issues): { readonly host: string; readonly port: number } {
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = parseAddress(v6 ?? v4 ?? '');
  const port = Number(digits);
  if (host === undefined || (v6 !== undefined) !== host.includes(':') || !(port >= 1 && port <= 65_535))
    issues.error(place, `found the text "${visible(value)}", wanted an address of this machine and a port, such as 192.0.2.1:514 or [2001:db8::1]:514`);
  return { host: host ?? '', port };
}

/** Those that can't be what they should are reported; the first with the wrong form is enough. */
function checked(texts: readonly Placed<string>[] | undefined, form: RegExp, wanted: string, issues: Issues): string[] {
  return (texts ?? []).map(({ value, place }) => {
    if (!form.test(value) || value.startsWith('-')) issues.error(place, `found the text "${visible(value)}", wanted ${wanted}`);
    return value;
  });
}

function ruleNames(names: readonly Placed<string>[] | undefined, rules: readonly RuleConfig[], issues: Issues): string[] | undefined {
  return names?.map(({ value, place }) => {
    const known = rules.map((rule) => rule.name);
    if (!known.includes(value)) issues.error(place, () => {
      const near = suggest(value, known);
      return `there is no rule ${visible(value)}${near === undefined ? '' : `; did you mean ${near}?`}`;
    });
    return value;
  });
}

function resolveOne(raw: RawSource, rules: readonly RuleConfig[], absolute: (path: string) => string, issues: Issues): SourceConfig {
  const { value } = raw;
  const common = { rules: ruleNames(value.rules, rules, issues), pardons: value.goodpatterns, silentAfter: value.silent_after };
  switch (raw.kind) {
    case 'unix': {
      const { path, owner, group, mode } = raw.value;
      return { type: 'unix', ...common, path: absolute(path.value), owner, group, mode };
    }
    case 'file': {
      const { path, from } = raw.value;
      if (path.value.includes('**')) issues.warn(path.place, '** is the same as * here: it stands for one name, not for folders below folders');
      return { type: 'file', ...common, path: absolute(path.value), from: from.value };
    }
    case 'journal': {
      const units = checked(raw.value.units, UNIT, 'the name of a unit such as ssh.service', issues);
      const matches = checked(raw.value.matches, MATCH, 'FIELD=value, the field in capitals: _COMM=sshd', issues);
      const words = [...units, ...matches];
      return { type: 'journal', ...common, path: words.length === 0 ? 'everything' : words.join(' '), units, matches };
    }
    case 'syslog': {
      const { host, port } = endpoint(raw.value.listen, issues);
      const protocol = raw.value.protocol.value;
      const allow = raw.value.allow.map((network) => network.value);
      const wide = raw.value.allow.find((network) => network.value.endsWith('/0'));
      if (wide !== undefined) issues.warn(wide.place, 'lets everybody send: whoever reaches this port can have any address banned');
      return { type: 'syslog', ...common, path: `${protocol} ${host.includes(':') ? `[${host}]` : host}:${port}`, protocol, host, port, allow };
    }
    case 'stdin':
      return { type: 'stdin', ...common, path: 'standard input' };
  }
}

/**
 * The sources in the order of the file. `socket` is one more of type unix; without any, the socket at its usual place is the only
 * one, so that a file which says nothing of this hears rsyslog.
 */
export function resolveSources(raw: Pick<RawConfig, 'socket' | 'sources'>, rules: readonly RuleConfig[], absolute: (path: string) => string, issues: Issues): SourceConfig[] {
  const listed = (raw.sources ?? []).map((one) => ({ place: one.place, source: resolveOne(one, rules, absolute, issues) }));
  const { socket } = raw;
  if (socket !== undefined || listed.length === 0) {
    const place = socket?.path.place ?? { file: '', line: 0, key: 'socket' };
    const source: SourceConfig = { type: 'unix', path: absolute(socket?.path.value ?? DEFAULT_LOG_SOCKET), owner: socket?.owner, group: socket?.group, mode: socket?.mode ?? DEFAULT_MODE, rules: undefined, pardons: true, silentAfter: undefined };
    listed.unshift({ place, source });
  }
  const [tooMany] = listed.slice(MOST_SOURCES);
  if (tooMany !== undefined) issues.error(tooMany.place, `is one source more than the ${MOST_SOURCES} that there may be; a * in a path stands for many files`);
  const seen = new Set<string>();
  for (const { place, source } of listed) {
    const key = `${source.type} ${source.path}`;
    if (seen.has(key)) issues.error(place, `is a second source ${visible(key)}: each of its lines would count twice`);
    seen.add(key);
  }
  return listed.map(({ source }) => source);
}
