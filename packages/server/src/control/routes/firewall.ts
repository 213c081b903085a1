/** The rules that read the lists, and whether all works from the log line to the kernel. */
import type { Handler } from '../handler.ts';
import { readTargetOrFirst } from '../input.ts';

/** GET /v1/firewall: the rules that the configured targets need; nothing is read or changed. */
export const firewallHandler: Handler<'firewall'> = ({ engine, firewall }) => ({ managed: engine.policy.config.firewall.manage, text: firewall.print() });

/** GET /v1/firewall/check: what is wrong with the rules that the machine has. */
export const firewallCheckHandler: Handler<'firewallCheck'> = async ({ firewall }) => ({ findings: [...(await firewall.check())] });

/** POST /v1/firewall: puts in what is missing. */
export const firewallInstallHandler: Handler<'firewallInstall'> = async ({ firewall }) => changeView(await firewall.install());

/** DELETE /v1/firewall: takes out what banband put in. */
export const firewallRemoveHandler: Handler<'firewallRemove'> = async ({ firewall }) => changeView(await firewall.remove());

const changeView = ({ changes, problems }: { readonly changes: readonly string[]; readonly problems: readonly string[] }) => ({ changes: [...changes], problems: [...problems] });

/** GET /v1/doctor: what differs between database and kernel, and what is wrong with the rules. */
export const doctorHandler: Handler<'doctor'> = (daemon) => daemon.doctor();

/** POST /v1/canary: sends a line of its own through syslog and follows it. Answers when it has come back, or has to be given up. */
export const canaryHandler: Handler<'canary'> = (daemon, { body }) => daemon.canary(readTargetOrFirst(daemon, body.target), body.by);
