/**
 * The configuration, described once: the types, the check, the defaults, the JSON Schema and the manual's table all come
 * from the literal below (DESIGN section 5).
 */
import { DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE, DEFAULT_HOSTS_DENY } from 'banban-shared';
import { BACKENDS } from './config.ts';
import type { Field, Read } from './field.ts';
import { MAIL_SECURITY, NOTIFY_WORDS, WEBHOOK_FORMATS } from './notify.ts';
import { SOCKET, SOURCES } from './source-fields.ts';

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
const levels = { type: 'choice', of: ['target', 'rule', 'all'], description: 'which earlier offences make the level: those in the same target, those against the same rule, or all of them' } as const satisfies Field;
const grace = { type: 'duration', minimumSeconds: 1, description: 'of an address with a good pattern so short a time ago it takes twice the occurrences; absent: no difference' } as const satisfies Field;
const usedns = { type: 'choice', of: ['no', 'warn', 'yes'], description: 'what a host name does where the address should be: no, nothing; warn, it is said; yes, its addresses count' } as const satisfies Field;
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
  synonyms: { source: 'sources', logpath: 'sources', logs: 'sources', ignorenets: 'allowlist', ignoreip: 'allowlist', whitelist: 'allowlist', blocktypes: 'rules', db: 'database', badpatterns: 'rules' },
  properties: {
    socket: {
      type: 'either',
      description: 'the UNIX datagram socket to which rsyslog or syslog-ng sends log lines: short for a source of type unix; absent: the one below, unless there are sources',
      shortFor: 'path',
      map: {
        type: 'record',
        description: 'its path, and who may write to it',
        required: [],
        properties: SOCKET,
      },
    },
    sources: SOURCES,
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
      description: 'who is never banned, whatever the logs say; a list of your own replaces the default',
      default: ['127.0.0.0/8', '::1'],
      items: { type: 'allowed', description: 'an address, a network as address/bits, a host name, self for this machine’s own addresses, or a file with such lines' },
    },
    keep: { type: 'duration', minimumSeconds: 3600, default: '90d', description: 'ended bans, offences and events are deleted when they are so old' },
    breaker: {
      type: 'record',
      description: 'stops the bans of a rule that bans too many or the wrong ones, until a person lets it go on (banctl rules resume NAME)',
      default: {},
      required: [],
      synonyms: { bans: 'bans_a_minute', rate: 'bans_a_minute' },
      properties: {
        // A botnet of this size is seen on one machine within a minute; a wrong pattern on a busy server gets there, too.
        bans_a_minute: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 30_000, description: 'more new bans than this within a minute' },
        logins: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'bans, within a day, of so many different addresses from which somebody logged in within the last 30 days' },
      },
    },
    breakin_after: { type: 'integer', minimum: 2, maximum: 1000, default: 10, description: 'an address that tried so many user names within an hour and then logs in is not pardoned but reported as a possible break-in' },
    guard: {
      type: 'record',
      description: 'who is not banned by rules, for as long as it is true of them; banctl ban wants --force for it',
      default: {},
      required: [],
      synonyms: { logins: 'sessions', ssh: 'sessions', gateways: 'gateway', resolver: 'resolvers', dns: 'resolvers' },
      properties: {
        sessions: { type: 'boolean', default: true, description: 'addresses from which somebody is logged in on this machine (sshd, utmp, systemd-logind)' },
        gateway: { type: 'boolean', default: true, description: 'the default gateways' },
        resolvers: { type: 'boolean', default: true, description: 'the name servers of /etc/resolv.conf' },
      },
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
        levels: { ...levels, default: 'target' },
        grace,
        usedns: { ...usedns, default: 'no' },
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
        description: 'a named set of bad patterns, or of rules whose bans count',
        required: ['target'],
        synonyms: elsewhere,
        properties: {
          target: { type: 'name', longest: LONGEST_TARGET_NAME, description: 'the target in which it bans' },
          occurrences,
          interval,
          memory,
          levels,
          grace,
          usedns,
          ban: { type: 'lengths', maxItems: 32, description: 'lengths of its own, in place of those of its target' },
          resetconns: { type: 'boolean', default: false, description: 'also cut the connections that the address has open' },
          badpatterns: { type: 'list', minItems: 1, items: pattern, description: 'the lines that count' },
          counts: { type: 'choice', of: ['lines', 'bans'], default: 'lines', description: 'bans: not lines are counted but the bans of other rules, for those who come again and again' },
          of: { type: 'list', minItems: 1, items: { type: 'name', longest: LONGEST_RULE_NAME, description: 'the name of a rule' }, description: 'with counts: bans, the rules whose bans count; absent: all' },
        },
      },
    },
    lists: {
      type: 'named',
      nameShown: 'NAME',
      longest: LONGEST_RULE_NAME,
      default: {},
      description: 'lists of addresses and networks that others keep; all that is on them is banned',
      values: {
        type: 'record',
        description: 'one list: where it is, and where it is banned',
        required: ['target'],
        synonyms: { path: 'file', bantime: 'ban', duration: 'ban', interval: 'refresh', every: 'refresh', limit: 'max_entries', max: 'max_entries', source: 'url', href: 'url' },
        properties: {
          url: { type: 'text', description: 'its address, of https; or file' },
          file: { type: 'path', description: 'its path on this machine, read again when it changes; or url' },
          target: { type: 'name', longest: LONGEST_TARGET_NAME, description: 'the target in which it bans' },
          ban: { type: 'duration', minimumSeconds: 60, default: '72h', description: 'how long an entry is banned after the last time that the list was there and had it; longer than refresh' },
          refresh: { type: 'duration', minimumSeconds: 60, default: '24h', description: 'how often it is fetched, a little sooner by chance; ask the keeper of the list how often one may' },
          max_entries: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 200_000, description: 'a list with more is refused' },
          shrink: { type: 'integer', minimum: 1, maximum: 100, default: 50, description: 'a list that loses more than so many percent of its entries at once is refused' },
          grow: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 300, description: 'a list that gains more than so many percent at once is refused' },
          unfit: { type: 'choice', of: ['refuse', 'skip'], default: 'refuse', description: 'a list with networks that are private, too wide, or hold allowed addresses: refuse it, or skip these entries' },
        },
      },
    },
    notify: {
      type: 'list',
      default: [],
      description: 'who is told of what happens, each by mail, a webhook or a command',
      items: {
        type: 'record',
        description: 'one receiver, and what it is told of',
        required: ['on'],
        synonyms: { events: 'on', when: 'on', email: 'mail', to: 'mail', destemail: 'mail', url: 'webhook', hook: 'webhook', sender: 'from', digest: 'every', interval: 'every', limit: 'at_most', server: 'smtp', template: 'format', exec: 'command', program: 'command' },
        properties: {
          on: { type: 'choices', of: NOTIFY_WORDS, description: 'what it is told of; error is everything that wants a person, breakin and breaker included' },
          mail: { type: 'text', description: 'a mail address, such as root@localhost' },
          webhook: { type: 'text', description: 'a URL to which messages are posted; kept out of log and status, because who knows it may write there' },
          command: { type: 'arguments', description: 'a program of your own that reads the message as JSON; {type}, {address}, {target}, {rule}, {count} and {subject} in an argument stand for what they say' },
          every: { type: 'duration', minimumSeconds: 10, description: 'gather what happens for so long, and send it as one message; absent: at once' },
          at_most: { type: 'integer', minimum: 1, maximum: 1000, default: 10, description: 'messages in an hour; what comes beyond them is gathered for the next' },
          targets: { type: 'list', default: [], items: { type: 'name', longest: LONGEST_TARGET_NAME, description: 'the name of a target' }, description: 'only what is about these targets; absent: all' },
          rules: { type: 'list', default: [], items: { type: 'name', longest: LONGEST_RULE_NAME, description: 'the name of a rule' }, description: 'only what is about these rules; absent: all' },
          whois: { type: 'boolean', default: false, description: 'with what the program whois says of the address, where it is installed' },
          format: { type: 'choice', of: WEBHOOK_FORMATS, description: 'what the far side of the webhook understands; absent: generic, a JSON object with everything in it' },
          from: { type: 'text', description: 'the sender of mails; absent: banban at this machine’s name' },
          smtp: {
            type: 'either',
            description: 'the mail server to hand mails to; absent: the program sendmail',
            shortFor: 'host',
            map: {
              type: 'record',
              description: 'where it is, and who we are to it',
              required: ['host'],
              synonyms: { server: 'host', tls: 'security', secure: 'security', username: 'user', password: 'password_file', pass: 'password_file' },
              properties: {
                host: { type: 'text', description: 'its name or address' },
                port: { type: 'integer', minimum: 1, maximum: 65_535, description: 'its port; absent: 587 for starttls, 465 for tls, 25 for none' },
                security: { type: 'choice', of: MAIL_SECURITY, default: 'starttls', description: 'starttls and tls want a good certificate; none is for a server on this machine' },
                user: { type: 'text', description: 'the name to log in with' },
                password_file: { type: 'path', description: 'the file with the password in its first line' },
              },
            },
          },
          sendmail: { type: 'path', default: '/usr/sbin/sendmail', description: 'the program that takes mails where smtp is absent; run with -t -i' },
          timeout: { type: 'duration', minimumSeconds: 1, default: '30s', description: 'for one try to deliver; later it is tried again' },
          name: { type: 'name', longest: LONGEST_RULE_NAME, description: 'what banctl calls it; absent: what it is, such as mail root@localhost' },
        },
      },
    },
  },
} as const satisfies Field;

/** A configuration that has passed the check: every value read and every default filled in, names not yet resolved. */
export type RawConfig = Read<typeof schema>;
