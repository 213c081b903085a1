/** What keeps the kernel's lists, alone with a kernel and bans that the test makes. */
import { instant, ms, NEVER, type Instant, type Subject } from 'banban-shared';
import type { Clock } from '../../packages/server/src/clock.ts';
import type { TargetConfig } from '../../packages/server/src/config/config.ts';
import type { KernelList } from '../../packages/server/src/enforce/firewall.ts';
import { createActiveBans } from '../../packages/server/src/engine/active-bans.ts';
import { createEnforcer } from '../../packages/server/src/engine/enforcer.ts';
import type { BanRecord } from '../../packages/server/src/store/store.ts';
import { target } from './policies.ts';
import { quietLog } from './quiet-log.ts';
import { nth, subject, T0 } from './records.ts';
import { unrulyFirewall, type Manners } from './unruly-firewall.ts';

/** An enforcer over an unruly kernel, without an engine. */
export function enforcerRoom(options: { readonly capacity?: number; readonly seconds?: number; readonly targets?: readonly string[]; readonly configs?: readonly TargetConfig[]; readonly nftables?: Partial<Manners>; readonly hosts_deny?: Partial<Manners> } = {}) {
  let uptime = 0;
  let wall: number = T0;
  let soon: (() => void)[] = [];
  const clock: Clock = { now: () => instant(wall), after: () => ({ cancel: () => undefined }), soon: (action) => void soon.push(action) };
  const kernel = unrulyFirewall(options.capacity, { nftables: options.nftables ?? {}, hosts_deny: options.hosts_deny ?? {} });
  kernel.uptime = () => uptime;
  /** What a test puts in the place of a list's own methods. */
  let unlike: Partial<KernelList> = {};
  const bans = createActiveBans();
  const log = quietLog();
  const released: number[] = [];
  const firewall = { ...kernel, open: (...given: Parameters<typeof kernel.open>): KernelList => new Proxy(kernel.open(...given), { get: (list, key) => Reflect.get(unlike, key) ?? Reflect.get(list, key) }) };
  const enforcer = createEnforcer({ clock, firewall, bans, log, onReleased: (ids) => void released.push(...ids) });
  const seconds = options.seconds === undefined ? undefined : ms(options.seconds * 1000);
  enforcer.configure(options.configs ?? (options.targets ?? ['A']).map((name) => target(name, { seconds })));
  let ids = 0;
  const r = {
    kernel, bans, log, released, enforcer,
    make(who: number | string, until: Instant = NEVER, list = 'A'): BanRecord {
      const address: Subject = typeof who === 'number' ? nth(who) : subject(who);
      const ban: BanRecord = { id: ++ids, address, target: list, origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: undefined, since: clock.now(), until, connections: 0 };
      bans.set(ban);
      return ban;
    },
    /** Makes bans and puts them in. */
    ban(...who: readonly (number | string)[]): BanRecord[] {
      const made = who.map((n) => r.make(n));
      enforcer.apply(made);
      return made;
    },
    end(...ended: readonly BanRecord[]) {
      for (const ban of ended) bans.delete(ban);
      return enforcer.release(ended).released;
    },
    rows: (list = 'A') => [...(kernel.rows(list) ?? [])].sort(),
    is: (ban: BanRecord) => enforcer.enforcementOf(ban),
    /** Half seconds go by, each with its look. */
    pass(milliseconds: number) {
      for (let i = 0; i < milliseconds; i += 500) {
        wall += 500;
        uptime += 500;
        enforcer.check();
      }
    },
    /** The programs of deferring lists do what they were asked for, and the loop turns. */
    settle() {
      for (let more = true; more; ) {
        more = kernel.step() || soon.length > 0;
        while (soon.length > 0) for (const action of soon.splice(0)) action();
      }
    },
    setClock: (milliseconds: number) => void (wall += milliseconds),
    unlike: (methods: Partial<KernelList>) => void (unlike = methods),
  };
  return r;
}
