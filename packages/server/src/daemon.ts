/** The composition root: builds every part, starts them in order, stops them in reverse, reloads. */
import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ApiError, LONGEST_SOCKET_PATH, ms, type ReloadResponse } from 'banban-shared';
import { idOf } from './accounts.ts';
import { createAllow } from './allow/allow.ts';
import { precise, systemClock } from './clock.ts';
import { ConfigError, formatIssue } from './config/config-error.ts';
import type { Config } from './config/config.ts';
import { createApp } from './control/app.ts';
import type { DaemonView } from './control/daemon-view.ts';
import { listen } from './control/listen.ts';
import { sendCanary } from './canary.ts';
import { checkRules, examine, findingView } from './doctor.ts';
import { connectionCutter } from './enforce/connections/cutter.ts';
import { kernelFirewall } from './enforce/kernel.ts';
import { createRuleset, printRules } from './enforce/ruleset/ruleset.ts';
import { simulatedCutter, simulatedFirewall } from './enforce/simulated.ts';
import { createEngine } from './engine/engine.ts';
import { changesBetween } from './engine/policy-changes.ts';
import { createSupervisor } from './engine/supervise.ts';
import { createGuards } from './guards/guards.ts';
import { createNotifier } from './notify/create-notifier.ts';
import { copiesIn } from './lists/copy.ts';
import { fetchList } from './lists/fetch.ts';
import { createLists } from './lists/keeper.ts';
import type { Log } from './observe/log.ts';
import { tellingLog } from './observe/telling-log.ts';
import { askDns } from './names/ask-dns.ts';
import { createNameResolver } from './names/resolver.ts';
import { allAddresses } from './names/all-addresses.ts';
import { readPolicy } from './read-policy.ts';
import { nativeNetlink } from './netlink/native.ts';
import { rulesetEvents } from './netlink/ruleset-events.ts';
import { holdInstanceLock } from './store/instance-lock.ts';
import { openStore } from './store/sqlite.ts';
import { createSources, sourceChanges } from './sources/sources.ts';
import { VERSION } from './version.ts';

/** Putting rules in takes a tenth of a second; banband waits for it at its start, and no longer than this. */
const FIREWALL_FIRST = ms(3000);
/** The files of the allow list are on this machine and read within milliseconds; a disk that hangs must not keep banband from its lines. */
const ALLOW_FIRST = ms(2000);

/** Looking who is logged in takes some milliseconds. */
const GUARDS_FIRST = ms(1000);

/** Errors of the log that the engine also tells as events, with more in them. */
const TOLD_BY_ENGINE: ReadonlySet<string> = new Set(['database_failed', 'rule_stopped', 'possible_breakin', 'pattern_switched_off']);

/** For what is still to be told at the stop: a receiver that is alive takes it within a second, and systemd waits for more. */
const LAST_WORDS = ms(3000);

/** What the command line says. */
export interface DaemonOptions {
  readonly configPath: string;
  /** A folder in which sockets and database are, whatever the configuration says: for a checkout. */
  readonly stateDir: string | undefined;
  /** All but touching the kernel. */
  readonly simulate: boolean;
  readonly log: Log;
}

/** A daemon that runs, until `stop` has ended. */
export interface Daemon {
  readonly controlSocket: string;
  /** Reads the configuration again; a bad one changes nothing. Says in the log what came of it. */
  reload(): void;
  stop(): Promise<void>;
}

/** So many bans make so much garbage while they are read and written that it shows in what is resident. */
const MANY = 10_000;

/** Collects what the start left behind, once: V8 would do it when it needs the room, and not give it back before. */
function giveBack(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}

/** Why this process can't touch the kernel, whatever the kernel has. */
function whySimulated(simulate: boolean): string | undefined {
  if (simulate) return 'started with --simulate';
  if (process.geteuid?.() !== 0) return 'only root may write to the kernel\'s lists, and banband was not started as root';
  return undefined;
}

/** Where syslog lines come in, for messages. */
const firstSocket = ({ sources }: Config): string => sources.find(({ type }) => type === 'unix')?.path ?? sources.map(({ type, path }) => `${type} ${path}`).join(', ');

/** What a reload can't change. */
function needsRestart(before: Config, now: Config): string[] {
  const fixed = (c: Config): [string, string][] => [['database', c.database], ['control', JSON.stringify(c.control)], ['firewall.hosts_deny', c.firewall.hostsDeny]];
  const old = new Map(fixed(before));
  return fixed(now).filter(([key, value]) => old.get(key) !== value).map(([key]) => `${key} is other than at the start; it takes effect with a restart`);
}

/**
 * Starts the daemon.
 * @throws ConfigError for a configuration that can't be used; Error with one sentence for anything else that is in the way
 */
export async function startDaemon({ configPath, stateDir, simulate, log: plainLog }: DaemonOptions): Promise<Daemon> {
  const clock = systemClock;
  const startedAt = clock.now();
  if (stateDir !== undefined && Buffer.byteLength(`${stateDir}/control.sock`) > LONGEST_SOCKET_PATH) {
    throw new Error(`the state can't be in ${stateDir}: the path of a socket may have ${LONGEST_SOCKET_PATH} bytes, and ${stateDir}/control.sock has more; choose a directory with a shorter path`);
  }
  const first = readPolicy(configPath, stateDir);
  const { config } = first.policy;
  if (first.policy.rules.length === 0 && first.errors.length > 0) throw new ConfigError(first.errors);
  // By the plain log: what the notifier says of its own troubles must not come back to it.
  const notifier = createNotifier(config.notify, { clock, precise, log: plainLog });
  const log = tellingLog(plainLog, (message) => notifier.tell({ at: clock.now(), type: 'error', message }), TOLD_BY_ENGINE);
  // The log says itself that it is a warning.
  for (const issue of [...first.warnings, ...first.errors]) log.warn('config', { message: formatIssue({ ...issue, severity: 'error' }) });
  for (const [rule, why] of first.policy.disabled) log.error('rule_switched_off', { rule, message: why });
  const ids = { control: idOf('group', config.control.group) };

  const undo: (() => void | Promise<void>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const lock = holdInstanceLock(config.database);
    undo.push(() => lock.release());
    const store = openStore(config.database, { warn: (message) => log.warn('database', { message }) });
    undo.push(() => store.close());
    // After the engine, whose last bans are still told.
    undo.push(() => notifier.stop(LAST_WORDS));
    const simulated = whySimulated(simulate);
    const { native, why: notNative } = nativeNetlink();
    const warn = (event: string) => (message: string): void => log.warn(event, { message });
    const firewall = simulated === undefined ? kernelFirewall({ clock, native, hostsDeny: config.firewall.hostsDeny, warn: warn('firewall') }) : simulatedFirewall();
    const cutter = simulated === undefined ? connectionCutter({ clock, native, warn: warn('connections') }) : simulatedCutter();
    undo.push(() => cutter.stop());
    // Another than the allow list's: a flood of names in logs must not keep that one waiting.
    const namesInLogs = createNameResolver({ clock, ask: askDns(clock) });
    undo.push(() => namesInLogs.stop());
    const engine = createEngine({ clock, store, firewall, cutter, log, chance: () => randomInt(2 ** 32) / 2 ** 32, onLogin: () => guards.loggedIn(), tell: (event) => notifier.tell(event), lookUp: (name) => allAddresses(namesInLogs, name) }, first.policy);
    undo.push(() => engine.stop());
    const rules = simulated === undefined ? createRuleset({ clock }) : undefined;
    const supervisor = rules === undefined ? undefined : createSupervisor({
      clock, rules, log,
      targets: () => [...engine.policy.targets.values()],
      managed: () => engine.policy.config.firewall.manage,
      hasEvents: () => Promise.resolve(events !== undefined && rules.tellsByEvents()),
      onUnread: (unread) => engine.setUnread(unread),
      onMended: () => engine.reread(),
    });
    if (rules !== undefined) undo.push(() => rules.close());
    if (supervisor !== undefined) undo.push(() => supervisor.stop());
    let events: ReturnType<typeof rulesetEvents> | undefined;
    if (native !== undefined && supervisor !== undefined) {
      try {
        events = rulesetEvents(native, () => supervisor.look());
        undo.push(() => events?.close());
      } catch (error) {
        log.warn('firewall', { message: `the kernel does not tell when firewall rules change (${error instanceof Error ? error.message : String(error)}); they are looked at every second instead` });
      }
    }
    // Rules first, so that the lists are there when the bans come; a firewall that hangs must not keep banband from its lines.
    if (supervisor !== undefined) await Promise.race([supervisor.looked(), new Promise<void>((resolve) => clock.after(FIREWALL_FIRST, resolve))]);
    const guards = createGuards({ clock, kinds: () => engine.policy.config.guard, onChange: (list) => engine.setGuarded(list), warn: warn('guards') });
    undo.push(() => guards.stop());
    // Who is logged in counts from the first line on; a process that hangs must not keep banband from its lines.
    await Promise.race([guards.start(), new Promise<void>((resolve) => clock.after(GUARDS_FIRST, resolve))]);
    // One resolver of its own: a flood of names in logs must not keep the allow list waiting.
    const resolver = createNameResolver({ clock, ask: askDns(clock) });
    undo.push(() => resolver.stop());
    const allow = createAllow({ clock, store: store.allow, native, resolver, log, setAllowed: (group, prefixes) => engine.setAllowed(group, prefixes) });
    undo.push(() => allow.stop());
    // Before the first ban is put into the kernel again, or the first line is heard.
    await Promise.race([allow.configure(config), new Promise<void>((resolve) => clock.after(ALLOW_FIRST, resolve))]);
    engine.start();
    const sources = createSources({ clock, engine, log, positions: new Map(engine.positions()), database: store.path, keepPositions: (names) => store.keepPositions(names) });
    undo.push(() => sources.stop());
    await sources.start(config.sources);

    const lists = createLists({
      clock, engine, log,
      copies: copiesIn(join(dirname(config.database), 'lists'), clock),
      tell: (list, message) => notifier.tell({ at: clock.now(), type: 'list', list, message }),
      fetch: fetchList,
      chance: () => randomInt(1_000_000) / 1_000_000,
    });
    undo.push(() => lists.stop());

    let loaded: { at: number; error: string | undefined; warnings: string[] } = { at: startedAt, error: undefined, warnings: [...first.warnings, ...first.errors].map(formatIssue) };
    const notEnforcing = (): string | undefined => simulated;

    const reload = (): ReloadResponse => {
      const before = engine.policy;
      let next: ReturnType<typeof readPolicy>;
      try {
        next = readPolicy(configPath, stateDir);
        if (next.errors.length > 0) throw new ConfigError(next.errors);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        loaded = { ...loaded, error: error.message.split('\n')[0] ?? '' };
        log.error('reload_refused', { message: error.message });
        const details = error.issues.map(formatIssue);
        throw new ApiError('bad_config', `${configPath} has ${details.length === 1 ? 'an error' : `${details.length} errors`}, so the configuration in force stays: ${loaded.error}`, details, { cause: error });
      }
      const changes = [...changesBetween(before, next.policy, engine.bans()), ...sourceChanges(before.config.sources, next.policy.config.sources)];
      engine.reload(next.policy);
      void allow.configure(next.policy.config);
      void sources.configure(next.policy.config.sources);
      notifier.configure(next.policy.config.notify);
      lists.configure(next.policy.config.lists);
      supervisor?.look();
      void guards.look();
      const warnings = [...next.warnings.map(formatIssue), ...needsRestart(config, next.policy.config)];
      loaded = { at: clock.now(), error: undefined, warnings };
      log.info('reloaded', { path: configPath, changes: changes.length === 0 ? ['nothing changed'] : changes });
      return { changes, warnings };
    };

    const isManaged = (): boolean => engine.policy.config.firewall.manage;
    const view: DaemonView = {
      clock,
      version: VERSION,
      startedAt,
      engine,
      sources: () => sources.list(),
      cutter: () => cutter.stats(),
      notEnforcing,
      config: () => ({ path: configPath, loadedAt: loaded.at, error: loaded.error, warnings: loaded.warnings }),
      store: () => ({ path: store.path, sizeBytes: store.sizeBytes() }),
      reload,
      firewall: {
        print: () => printRules([...engine.policy.targets.values()]),
        check: async () => (rules === undefined ? [] : (await checkRules(rules, engine, isManaged())).map(findingView)),
        install: async () => {
          const outcome = await rules?.install([...engine.policy.targets.values()]);
          await supervisor?.looked();
          engine.reread();
          return outcome ?? { changes: [], problems: [simulated ?? ''] };
        },
        remove: async () => {
          const outcome = (await rules?.remove([...engine.policy.targets.values()])) ?? { changes: [], problems: [simulated ?? ''] };
          supervisor?.look();
          engine.reread();
          return isManaged() ? { ...outcome, problems: [...outcome.problems, 'banband manages the rules (firewall: { manage: true }) and puts them back at once; set manage to false and reload to keep them out'] } : outcome;
        },
      },
      firewallProblems: () => supervisor?.problems() ?? [],
      guards,
      allow,
      notify: notifier,
      lists,
      doctor: () => examine({ engine, rules, sources: () => sources.list(), cutter: () => cutter.stats(), managed: isManaged(), simulated, uptimeMs: clock.now() - startedAt }),
      canary: (target) => sendCanary({ clock, precise, engine, socket: firstSocket(engine.policy.config) }, target),
    };
    const app = createApp(view, log);
    undo.push(() => app.close());
    lists.configure(config.lists);
    await listen(app, { path: config.control.socket, gid: ids.control, mode: config.control.mode });

    if (notNative !== undefined && simulated === undefined) log.info('without_native_part', { message: `the native part is not used (${notNative}); the programs nft and conntrack do its work, slower in a storm` });
    const why = notEnforcing();
    if (why !== undefined) log.warn('simulating', { message: `no ban is enforced: ${why}` });
    engine.note('start', VERSION);
    notifier.tell({ at: clock.now(), type: 'start', version: VERSION, bans: engine.bans().length });
    if (engine.bans().length > MANY) giveBack();
    log.info('started', { version: VERSION, pid: process.pid, config: configPath, socket: firstSocket(config), sources: config.sources.map(({ type, path }) => `${type} ${path}`), control: config.control.socket, database: config.database, rules: first.policy.rules.length, bans: engine.bans().length });
    return {
      controlSocket: config.control.socket,
      reload() {
        try {
          reload();
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
        }
      },
      async stop() {
        engine.note('stop');
        notifier.tell({ at: clock.now(), type: 'stop' });
        const { firewall: kept } = engine.policy.config;
        const targets = [...engine.policy.targets.values()];
        await stopAll();
        if (kept.manage && kept.removeAtStop && rules !== undefined) {
          // After the supervisor, which would put them back, and with it went the one that it used.
          const last = createRuleset({ clock });
          const { changes, problems } = await last.remove(targets);
          last.close();
          log.info('firewall_removed', { changes });
          for (const message of problems) log.error('firewall', { message });
        }
        log.info('stopped');
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
