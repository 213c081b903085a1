/** Where banban keeps its things on an installed machine (DESIGN section 8); a configuration may say otherwise. */
export const DEFAULT_CONFIG = '/etc/banban/banban.yml';
export const DEFAULT_LOG_SOCKET = '/run/banban/log.sock';
export const DEFAULT_CONTROL_SOCKET = '/run/banban/control.sock';
export const DEFAULT_DATABASE = '/var/lib/banban/banban.db';
