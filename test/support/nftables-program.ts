/**
 * Lists of nf_tables as a program of its own, to be run inside a network namespace: `node bundle.cjs NATIVE KERNEL`, with NATIVE the
 * file of the native part and KERNEL the release that is taken for the kernel's. Each line that it reads is an `Order`; it answers
 * with a line for each. Its first line is null, or why the lists could not be opened.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { instant, type Subject } from 'banban-shared';
import { systemClock, type Clock } from '../../packages/server/src/clock.ts';
import type { KernelList } from '../../packages/server/src/enforce/firewall.ts';
import { nftablesLists, type NftablesLists } from '../../packages/server/src/enforce/nftables/nftables.ts';
import type { NativeNetlink } from '../../packages/server/src/netlink/native.ts';

/** What it is asked; of the list of a target, where there is one. `until` is milliseconds from now, null for never. */
export type Order =
  | { readonly do: 'write'; readonly list: ListName; readonly remove: readonly string[]; readonly add: readonly (readonly [subject: string, length: number | null])[] }
  | { readonly do: 'read' | 'identity' | 'hits' | 'close'; readonly list: ListName }
  /** How often `changed` was called, and whether ever from within a call. */
  | { readonly do: 'changes' }
  /** Runs a program just before the n-th message from now is sent. */
  | { readonly do: 'meddle'; readonly before: number; readonly argv: readonly string[] };

export interface ListName {
  readonly name: string;
  readonly ipv6Prefix: number;
}

const [file = '', kernel = ''] = process.argv.slice(2);
const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);

// What the native part exports stands in packages/server/src/netlink/native.ts.
const native = createRequire('/')(file) as NativeNetlink;
let meddling: { before: number; readonly argv: readonly string[] } | undefined;
const meddled: NativeNetlink = {
  ...native,
  send(descriptor, bytes) {
    if (meddling !== undefined && --meddling.before === 0) {
      const [program = '', ...args] = meddling.argv;
      meddling = undefined;
      execFileSync(program, args);
    }
    native.send(descriptor, bytes);
  },
};

/** Stands still during a call, so that what is written lasts for as long as the order says, to the millisecond. */
let now = systemClock.now();
const clock: Clock = { ...systemClock, now: () => now };

let changes = 0;
let isInside = false;
let wasInside = false;
const lists = new Map<string, KernelList>();

function answer(order: Order, all: NftablesLists): unknown {
  if (order.do === 'changes') return { changes, wasInside };
  if (order.do === 'meddle') return void (meddling = { before: order.before, argv: order.argv });
  const key = JSON.stringify(order.list);
  const list = lists.get(key) ?? all.open(order.list, () => {
    changes++;
    if (isInside) wasInside = true;
  });
  lists.set(key, list);
  switch (order.do) {
    case 'write':
      now = systemClock.now();
      return [...list.write({ remove: order.remove as Subject[], add: order.add.map(([subject, length]) => ({ subject: subject as Subject, until: instant(length === null ? Infinity : now + length) })) })];
    case 'read': {
      const state = list.read();
      return state.state === 'present' ? { ...state, subjects: [...state.subjects].sort(), pending: [...state.pending], failures: [...state.failures] } : state;
    }
    case 'identity':
      return list.identity();
    case 'hits':
      return [...list.hits()];
    case 'close':
      lists.delete(key);
      return list.close();
  }
}

function run(all: NftablesLists): void {
  say(null);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      isInside = true;
      const said = answer(JSON.parse(line) as Order, all);
      isInside = false;
      say(said);
    })
    .on('close', () => all.close());
}

let opened: NftablesLists | undefined;
try {
  opened = nftablesLists(meddled, clock, kernel);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
}
if (opened !== undefined) run(opened);
