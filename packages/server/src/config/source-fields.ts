/** What `sources:` may have: a part of schema.ts with a file of its own, because it is as long as the rest. */
import { DEFAULT_LOG_SOCKET } from 'banban-shared';
import type { Field } from './field.ts';

/** As in `rules`. */
const LONGEST_RULE_NAME = 64;

const common = {
  rules: { type: 'list', minItems: 1, items: { type: 'name', longest: LONGEST_RULE_NAME, description: 'the name of a rule' }, description: 'the rules in which its lines count; absent: all' },
  goodpatterns: { type: 'boolean', default: true, description: 'whether its lines may match good patterns' },
  silent_after: { type: 'duration', minimumSeconds: 1, description: 'so long a time without a line is a problem; absent: learnt from how it speaks' },
} as const satisfies { readonly [key: string]: Field };

const synonyms = { goodpattern: 'goodpatterns', pardons: 'goodpatterns', silence: 'silent_after', rule: 'rules' } as const;

/** A UNIX datagram socket by its parts: what `socket` has, and `sources` of type unix. */
export const SOCKET = {
  path: { type: 'path', default: DEFAULT_LOG_SOCKET, description: 'its path' },
  owner: { type: 'account', description: 'the user that owns it, such as the one that rsyslog runs as; absent: the user of banband' },
  group: { type: 'account', description: 'the group that owns it; absent: the group of banband' },
  mode: { type: 'mode', default: '0660', description: 'its permissions, in octal' },
} as const satisfies { readonly [key: string]: Field };

/** Where lines come from, in the order in which they are opened. */
export const SOURCES = {
  type: 'list',
  description: 'where log lines come from; absent: from the datagram socket alone',
  items: {
    type: 'variants',
    description: 'one source',
    nameShown: 'TYPE',
    of: {
      unix: { type: 'record', required: [], synonyms, description: 'a UNIX datagram socket to which rsyslog or syslog-ng sends', properties: { ...SOCKET, ...common } },
      file: {
        type: 'record',
        required: ['path'],
        synonyms: { ...synonyms, file: 'path', files: 'path', logpath: 'path', start: 'from' },
        description: 'log files, followed through rotation',
        properties: {
          path: { type: 'path', description: 'a file, or many: * ? and [a-z] may stand in any part of the path' },
          from: { type: 'choice', of: ['end', 'start'], default: 'end', description: 'where to begin with what is there when banband reads it for the first time' },
          ...common,
        },
      },
      journal: {
        type: 'record',
        required: [],
        synonyms: { ...synonyms, unit: 'units', match: 'matches', journalmatch: 'matches' },
        description: 'the systemd journal',
        properties: {
          units: { type: 'list', minItems: 1, items: { type: 'text', description: 'a unit such as ssh.service' }, description: 'the units whose lines are read; absent: all' },
          matches: { type: 'list', minItems: 1, items: { type: 'text', description: 'FIELD=value' }, description: 'what else an entry has to have, as FIELD=value: _COMM=sshd' },
          ...common,
        },
      },
      syslog: {
        type: 'record',
        required: ['listen', 'allow'],
        synonyms: { ...synonyms, address: 'listen', bind: 'listen', port: 'listen', proto: 'protocol', from: 'allow', senders: 'allow' },
        description: 'syslog messages from other machines',
        properties: {
          listen: { type: 'text', description: 'the address and port of this machine to listen on, such as [2001:db8::1]:514 or 192.0.2.1:514' },
          protocol: { type: 'choice', of: ['udp', 'tcp'], default: 'udp', description: 'how they come' },
          allow: { type: 'list', minItems: 1, items: { type: 'network', description: 'an address, or a network as address/bits' }, description: 'who may send; all others are refused' },
          ...common,
        },
      },
      stdin: { type: 'record', required: [], synonyms, description: 'standard input', properties: common },
    },
  },
} as const satisfies Field;
