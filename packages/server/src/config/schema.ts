/**
 * The configuration, described once: the types, the check, the defaults, the JSON Schema and the manual's table all come
 * from the literal below (DESIGN section 5).
 */
import { DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE, DEFAULT_HOSTS_DENY, DEFAULT_LOG_SOCKET } from 'banban-shared';
import { BACKENDS } from './config.ts';
import type { Field, Read } from './field.ts';

/**
 * A target is a file in /proc/net/xt_recent and the --name of a firewall rule. The kernel refuses an empty name, `.`,
 * `..` and a slash, and allows 200 bytes (xt_check_proc_name, XT_RECENT_NAME_LEN); 27 keeps it inside the columns of
 * iptables and within what names of chains and of other kernel lists may have.
 */
const LONGEST_TARGET_NAME = 27;
const LONGEST_RULE_NAME = 64;

const occurrences = { type: 'integer', minimum: 1, maximum: 1000, description: 'how many matching lines of one address make an offence' } as const satisfies Field;
const interval = { type: 'duration', minimumSeconds: 1, description: 'the time within which they have to come' } as const satisfies Field;
const memory = { type: 'duration', minimumSeconds: 1, description: 'how long an offence counts towards the level of the next one' } as const satisfies Field;
const pattern = { type: 'pattern', mayUse: true, description: 'an RE2 expression on `program[pid]: message` in which <ip> stands for the address, or `use: sshd` for the patterns of a pack' } as const satisfies Field;
const PROTOCOLS = ['tcp', 'udp'] as const;
const ACTIONS = ['drop', 'reject'] as const;
/** xt_multiport takes 15 ports, and a range counts as two of them (XT_MULTI_PORTS). */
const MOST_PORTS = 15;
const elsewhere = {
  bantime: 'ban', findtime: 'interval', maxretry: 'occurrences', minocc: 'occurrences', count: 'occurrences', threshold: 'occurrences', window: 'interval',
  patterns: 'badpatterns', failregex: 'badpatterns', regex: 'badpatterns', name: 'target',
} as const;

/** The whole file, key by key. */
export const schema = {
  type: 'record',
  description: 'the configuration of banband',
  required: [],
  synonyms: { ignorenets: 'allowlist', ignoreip: 'allowlist', whitelist: 'allowlist', blocktypes: 'rules', db: 'database', badpatterns: 'rules' },
  properties: {
    socket: {
      type: 'either',
      description: 'the UNIX datagram socket to which rsyslog or syslog-ng sends log lines',
      default: DEFAULT_LOG_SOCKET,
      shortFor: 'path',
      map: {
        type: 'record',
        description: 'its path, and who may write to it',
        required: [],
        properties: {
          path: { type: 'path', default: DEFAULT_LOG_SOCKET, description: 'its path' },
          owner: { type: 'account', description: 'the user that owns it, such as the one that rsyslog runs as; absent: the user of banband' },
          group: { type: 'account', description: 'the group that owns it; absent: the group of banband' },
          mode: { type: 'mode', default: '0660', description: 'its permissions, in octal' },
        },
      },
    },
    database: { type: 'path', default: DEFAULT_DATABASE, description: 'the SQLite file that keeps bans, offences and events' },
    control: {
      type: 'record',
      description: 'the socket for banctl',
      default: {},
      required: [],
      synonyms: { path: 'socket' },
      properties: {
        socket: { type: 'path', default: DEFAULT_CONTROL_SOCKET, description: 'its path' },
        group: { type: 'account', description: 'the group whose members may use banctl; absent: the group of banband' },
        mode: { type: 'mode', default: '0660', description: 'its permissions, in octal' },
      },
    },
    allowlist: {
      type: 'list',
      description: 'addresses and networks that are never banned, whatever the logs say; a list of your own replaces the default',
      default: ['127.0.0.0/8', '::1'],
      items: { type: 'network', description: 'an address, or a network as address/bits' },
    },
    firewall: {
      type: 'record',
      description: 'the rules that read the targets’ lists',
      default: {},
      required: [],
      synonyms: { install: 'manage', managed: 'manage', remove: 'remove_at_stop', hostsdeny: 'hosts_deny' },
      properties: {
        manage: { type: 'boolean', default: false, description: 'put them in at the start, and again when somebody takes them out; otherwise they are yours (banctl firewall print)' },
        remove_at_stop: { type: 'boolean', default: false, description: 'with manage: take them out at a clean stop; absent, bans go on while banband is down' },
        hosts_deny: { type: 'path', default: DEFAULT_HOSTS_DENY, description: 'the file of TCP wrappers, for backend: hosts_deny' },
      },
    },
    targets: {
      type: 'named',
      nameShown: 'NAME',
      longest: LONGEST_TARGET_NAME,
      description: "the kernel's lists, by the names in your firewall rules; the first is the default of banctl ban",
      values: {
        type: 'record',
        description: 'what enforces its bans, and how long they last',
        required: [],
        synonyms: { bantime: 'ban', duration: 'ban', length: 'ban', backends: 'backend', banaction: 'backend', port: 'ports', proto: 'protocol', protocols: 'protocol', blocktype: 'action', type: 'action', ipv6prefix: 'ipv6_prefix', networks: 'network_after' },
        properties: {
          backend: { type: 'choices', of: BACKENDS, default: 'xt_recent', description: 'what holds its bans; of several, each holds all that it can' },
          ban: { type: 'lengths', maxItems: 32, default: '48h', description: 'the length of an address’s first ban, its second, and every later one within memory' },
          ports: { type: 'ports', maxItems: MOST_PORTS, description: 'the ports that are closed to banned addresses; absent: all of them, and every protocol' },
          protocol: { type: 'choices', of: PROTOCOLS, default: 'tcp', description: 'the protocols of these ports' },
          action: { type: 'choice', of: ACTIONS, default: 'drop', description: 'drop: packets vanish, and an attacker waits; reject: they are refused at once' },
          ipv6_prefix: { type: 'integer', minimum: 32, maximum: 128, default: 128, description: 'an IPv6 ban is of the network of so many bits, because one customer has a whole /64 or more' },
          network_after: { type: 'integer', minimum: 2, maximum: 256, description: 'so many banned addresses of one IPv4 /24 or IPv6 /64 get the whole network banned; absent: never' },
          command: {
            type: 'record',
            description: 'for backend: command, programs of your own; {address} and {target} in an argument stand for what is banned and where',
            required: ['ban', 'unban'],
            properties: {
              ban: { type: 'arguments', description: 'bans one address or network' },
              unban: { type: 'arguments', description: 'ends one ban; must succeed where there is none' },
              flush: { type: 'arguments', description: 'ends all bans of the target; run at the start, before the bans are put in again' },
              timeout: { type: 'duration', minimumSeconds: 1, default: '10s', description: 'a program that takes longer is killed, and tried again later' },
            },
          },
          seconds: { type: 'duration', minimumSeconds: 2, description: 'the --seconds of the firewall rule that reads the list, when it has one; banband then renews its rows in time' },
        },
      },
    },
    defaults: {
      type: 'record',
      description: 'what holds for rules that do not say otherwise',
      default: {},
      required: [],
      synonyms: { maxretry: 'occurrences', minocc: 'occurrences', findtime: 'interval' },
      properties: {
        occurrences: { ...occurrences, default: 3 },
        interval: { ...interval, default: '1h' },
        memory: { ...memory, default: '90d' },
      },
    },
    goodpatterns: {
      type: 'list',
      default: [],
      description: 'lines that end the automatic bans of their address in every target, and forget what was counted against it',
      items: pattern,
    },
    rules: {
      type: 'named',
      nameShown: 'NAME',
      longest: LONGEST_RULE_NAME,
      default: {},
      description: 'what gets an address banned',
      values: {
        type: 'record',
        description: 'a named set of bad patterns',
        required: ['target'],
        synonyms: elsewhere,
        properties: {
          target: { type: 'name', longest: LONGEST_TARGET_NAME, description: 'the target in which it bans' },
          occurrences,
          interval,
          memory,
          ban: { type: 'lengths', maxItems: 32, description: 'lengths of its own, in place of those of its target' },
          resetconns: { type: 'boolean', default: false, description: 'also cut the connections that the address has open' },
          badpatterns: { type: 'list', minItems: 1, items: pattern, description: 'the lines that count' },
        },
      },
    },
  },
} as const satisfies Field;

/** A configuration that has passed the check: every value read and every default filled in, names not yet resolved. */
export type RawConfig = Read<typeof schema>;
