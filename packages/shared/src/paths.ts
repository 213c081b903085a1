/** Where banban keeps its things on an installed machine (DESIGN section 8); a configuration may say otherwise. */
export const DEFAULT_CONFIG = '/etc/banban/banban.yml';
/** The UNIX datagram socket to which rsyslog or syslog-ng writes. */
export const DEFAULT_LOG_SOCKET = '/run/banban/log.sock';
/** The UNIX stream socket on which banband answers banctl. */
export const DEFAULT_CONTROL_SOCKET = '/run/banban/control.sock';
/** sun_path of unix(7) has 108 bytes, the last of them NUL. */
export const LONGEST_SOCKET_PATH = 107;
/** Packs of the admin's own; they go before the packaged ones of the same name. */
export const ADMIN_PACKS = '/etc/banban/packs';
/** The packs that came with banban. */
export const PACKAGED_PACKS = '/usr/share/banban/packs';
/** The SQLite file of bans, offences and events; its lock and its write-ahead log are beside it. */
export const DEFAULT_DATABASE = '/var/lib/banban/banban.db';
/** The file of TCP wrappers, hosts_access(5). */
export const DEFAULT_HOSTS_DENY = '/etc/hosts.deny';
