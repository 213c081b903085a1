/** Who may import whom: one row for each part of the code, each with its reason and with an import that it refuses. */
import { describe, expect, test } from 'vitest';
import { codeBelow, codeFile } from '../support/house-files.ts';
import { importsOf, rings, type Import } from '../support/house-imports.ts';

const files = codeBelow('packages/shared/src', 'packages/server/src', 'packages/client/src');
const imports = files.flatMap(importsOf);

const shared = /^packages\/shared\/src\//;
const server = (path: string): RegExp => new RegExp(`^packages/server/src/${path}`);
/** What reads a configuration from disk; the rest of config/ is pure. */
const readers = server('config/(?:load|packs|read-text)\\.ts$');
const pure = server('(?:(?:syslog|match|count|decide)/|config/(?!(?:load|packs|read-text)\\.ts$))');
/** Types that adapters implement, and with `StoreError` the one class that crosses them. */
const ports = server('(?:clock|ingest/source|store/store|enforce/firewall|notify/notifier)\\.ts$');
/** How long work is cut up. */
const slices = server('slices\\.ts$');
/** What the two that listen have in common. */
const socketFile = server('socket-file\\.ts$');

interface Row {
  readonly part: string;
  readonly who: RegExp;
  readonly may: readonly RegExp[];
  /** What may be imported as a type only. */
  readonly types?: readonly RegExp[];
  /** Modules of node; where it is left out, any (`child_process` has a door of its own). */
  readonly node?: RegExp;
  readonly because: string;
  /** A file of the part and what it must not say: the row has to catch it. */
  readonly refuses: readonly [path: string, code: string];
}

const noNode = /^$/;
const adapter = (folder: string, other: string, also: readonly RegExp[] = []): Row => ({
  part: `${folder}/`,
  who: server(`${folder}/`),
  may: [server(`${folder}/`), ports, shared, ...also],
  because: 'an adapter stands behind its port and knows no other, so that each can be replaced alone',
  refuses: [`packages/server/src/${folder}/x.ts`, `import type { X } from '../${other}/x.ts'`],
});

const rows: readonly Row[] = [
  {
    part: 'shared',
    who: shared,
    may: [shared],
    node: noNode,
    because: 'daemon and client both stand on it: what it needed they would both need',
    refuses: ['packages/shared/src/api/x.ts', `import { Engine } from '../../../server/src/engine/engine.ts'`],
  },
  {
    part: 'pure folders',
    who: pure,
    may: [pure, shared],
    node: noNode,
    because: 'what only computes can be tested by its results, and cannot stall or fail for a reason outside itself',
    refuses: ['packages/server/src/match/x.ts', `import { readFileSync } from 'node:fs'`],
  },
  {
    part: 'what reads a configuration',
    who: readers,
    may: [server('config/'), pure, shared],
    node: /^node:(?:fs|path)$/,
    because: 'it reads files for the pure part of config/ and does nothing else',
    refuses: ['packages/server/src/config/load.ts', `import { log } from '../observe/log.ts'`],
  },
  adapter('ingest', 'store', [socketFile]),
  adapter('store', 'enforce'),
  {
    ...adapter('enforce', 'ingest', [server('netlink/'), slices]),
    types: [server('config/config\.ts$')],
  },
  {
    part: 'guards/',
    who: server('guards/'),
    may: [server('guards/'), server('clock\\.ts$'), slices, shared],
    because: 'it reads what the machine says of itself, and whether that keeps anybody from being banned is the engine’s decision',
    refuses: ['packages/server/src/guards/x.ts', `import type { Engine } from '../engine/contract.ts'`],
  },
  {
    part: 'names/',
    who: server('names/'),
    may: [server('names/'), ports, shared],
    because: 'it asks the DNS for whoever wants to know, and knows nothing of what for',
    refuses: ['packages/server/src/names/x.ts', `import { createAllow } from '../allow/allow.ts'`],
  },
  {
    part: 'allow/',
    who: server('allow/'),
    may: [server('(?:allow|netlink|names)/'), server('file-reasons\\.ts$'), ports, shared],
    types: [server('observe/log\\.ts$')],
    because: 'it follows files, names and links, and tells the engine through one function',
    refuses: ['packages/server/src/allow/x.ts', `import type { Engine } from '../engine/contract.ts'`],
  },
  {
    part: 'netlink/',
    who: server('netlink/'),
    may: [server('netlink/'), shared],
    because: 'it knows the form of messages and sockets, and nothing of what they are about',
    refuses: ['packages/server/src/netlink/x.ts', `import { nftSet } from '../enforce/names.ts'`],
  },
  {
    part: 'engine/',
    who: server('engine/'),
    may: [server('engine/'), pure, ports, shared],
    types: [server('observe/log\\.ts$')],
    node: /^node:buffer$/,
    because: 'the engine is the sequence: it is run in tests with other adapters, so it names none',
    refuses: ['packages/server/src/engine/x.ts', `import { xtRecent } from '../enforce/xt-recent.ts'`],
  },
  {
    part: 'sources/',
    who: server('sources/'),
    may: [server('sources/'), server('ingest/'), ports, server('engine/feed\\.ts$'), server('accounts\\.ts$'), shared],
    types: [server('(?:engine/contract|config/sources|observe/log)\\.ts$')],
    because: 'it builds the sources for daemon.ts, each by its own door, and knows nothing of what becomes of their lines',
    refuses: ['packages/server/src/sources/x.ts', `import { openStore } from '../store/sqlite.ts'`],
  },
  {
    part: 'control/daemon-view.ts',
    who: server('control/daemon-view\\.ts$'),
    may: [shared],
    types: [ports, server('engine/(?:contract|feed|policy)\\.ts$'), server('lists/keeper\\.ts$')],
    node: noNode,
    because: 'it declares, in types alone, all that the API may see of the daemon',
    refuses: ['packages/server/src/control/daemon-view.ts', `import { createEngine } from '../engine/engine.ts'`],
  },
  {
    part: 'the rest of control/',
    who: server('control/(?!daemon-view\\.ts$)'),
    may: [server('control/'), ports, socketFile, shared],
    types: [server('observe/log\\.ts$')],
    because: 'handlers see the engine through daemon-view.ts, so that the width of that view stays visible in one place',
    refuses: ['packages/server/src/control/routes/x.ts', `import type { Engine } from '../../engine/engine.ts'`],
  },
  {
    part: 'notify/',
    who: server('notify/'),
    may: [server('notify/'), ports, server('enforce/(?:exec|command|backoff)\\.ts$'), server('observe/'), shared],
    types: [server('(?:config/notify|engine/events)\\.ts$')],
    because: 'it tells what it is told, over ways that may be dead: the engine must not know it, nor it the engine',
    refuses: ['packages/server/src/notify/x.ts', `import type { Engine } from '../engine/engine.ts'`],
  },
  {
    part: 'lists/',
    who: server('lists/'),
    may: [server('lists/'), server('(?:clock|file-reasons|slices|version)\\.ts$'), shared],
    types: [server('(?:config/config|observe/log)\\.ts$')],
    because: 'it fetches and reads, and has what it found put in force by whoever bans: it names no engine and no store',
    refuses: ['packages/server/src/lists/x.ts', `import { createEngine } from '../engine/engine.ts'`],
  },
  {
    part: 'observe/',
    who: server('observe/'),
    may: [server('observe/'), server('clock\\.ts$'), shared],
    because: 'everything may log, so what logs may need nothing',
    refuses: ['packages/server/src/observe/x.ts', `import type { Engine } from '../engine/engine.ts'`],
  },
  {
    part: 'offline/',
    who: server('offline/(?!replay\\.ts$)'),
    may: [server('offline/'), readers, pure, server('(?:engine/policy|read-policy|clock)\\.ts$'), server('observe/'), shared],
    because: 'it answers without a daemon and without root, so it must not be able to ban, listen or write a database',
    refuses: ['packages/server/src/offline/x.ts', `import { xtRecent } from '../enforce/xt-recent.ts'`],
  },
  {
    part: 'offline/replay.ts',
    who: server('offline/replay\\.ts$'),
    may: [server('offline/'), pure, server('engine/(?:engine|policy)\\.ts$'), server('(?:enforce/simulated|store/sqlite|clock)\\.ts$'), server('observe/'), shared],
    because: 'it builds an engine of its own to run a log through, over simulated lists and a database that is thrown away: never over the kernel',
    refuses: ['packages/server/src/offline/replay.ts', `import { kernelFirewall } from '../enforce/kernel.ts'`],
  },
  {
    part: 'read-policy.ts',
    who: server('read-policy\\.ts$'),
    may: [readers, pure, server('(?:engine/policy|clock)\\.ts$'), shared],
    because: 'whoever asks about a configuration without a daemon reads it as the daemon does, and must not load the daemon for it',
    refuses: ['packages/server/src/read-policy.ts', `import { openStore } from './store/sqlite.ts'`],
  },
  {
    part: 'the server’s small files',
    who: server('(?:accounts|clock|file-reasons|slices|socket-file|version)\\.ts$'),
    may: [server('clock\\.ts$'), shared],
    because: 'everything stands on them',
    refuses: ['packages/server/src/clock.ts', `import type { Log } from './observe/log.ts'`],
  },
  {
    part: 'canary.ts and doctor.ts',
    who: server('(?:canary|doctor)\.ts$'),
    may: [server('(?:clock|enforce/(?:exec|firewall)|ingest/source)\.ts$'), shared],
    types: [server('engine/contract\.ts$')],
    because: 'they ask the running daemon as an admin would, and build nothing',
    refuses: ['packages/server/src/doctor.ts', `import { createEngine } from './engine/engine.ts'`],
  },
  {
    part: 'daemon.ts',
    who: server('daemon\\.ts$'),
    may: [server('(?!main\\.ts$)'), shared],
    because: 'it builds every part, and the command line starts it',
    refuses: ['packages/server/src/daemon.ts', `import './main.ts'`],
  },
  {
    part: 'main.ts',
    who: server('main\\.ts$'),
    may: [server(''), shared],
    because: 'it is the server’s command line, and the client is another program',
    refuses: ['packages/server/src/main.ts', `import { connect } from '../../client/src/client.ts'`],
  },
  {
    part: 'client',
    who: /^packages\/client\/src\//,
    may: [/^packages\/client\/(?:src\/|package\.json$)/, shared],
    because: 'an unprivileged client learns everything from the daemon’s answers; the daemon’s code would bring its native modules along',
    refuses: ['packages/client/src/x.ts', `type X = import('../../server/src/store/store.ts').Store`],
  },
];

/** Imports of files of ours and of node that a row does not allow; outside packages have doors (doors.test.ts). */
function offences(row: Row, all: readonly Import[]): string[] {
  const allowed = ({ kind, to, typeOnly }: Import): boolean => {
    if (kind === 'package') return true;
    if (kind === 'node') return row.node === undefined || row.node.test(to);
    return row.may.some((may) => may.test(to)) || (typeOnly && row.types?.some((may) => may.test(to)) === true);
  };
  return all.filter((one) => row.who.test(one.from) && !allowed(one)).map((one) => `${one.at} imports ${one.to}`);
}

describe.each(rows)('$part', (row) => {
  test('imports only what it may', () => {
    expect(offences(row, imports), row.because).toEqual([]);
  });

  test('is caught when it imports more', () => {
    expect(offences(row, importsOf(codeFile(...row.refuses)))).toHaveLength(1);
  });
});

describe('the table', () => {
  test('has one row for each file', () => {
    const rowsOf = (path: string): string[] => rows.filter((row) => row.who.test(path)).map((row) => row.part);
    const odd = files.filter((file) => rowsOf(file.path).length !== 1).map((file) => `${file.path} [${rowsOf(file.path).join(', ')}]`);
    expect(odd, 'a new folder says here what it may import, and why').toEqual([]);
  });

  test('lets nothing import main, and nothing but main import daemon', () => {
    const mains = /^packages\/(?:server|client)\/src\/main\.ts$/;
    const found = imports.filter((one) => mains.test(one.to) || (server('daemon\\.ts$').test(one.to) && !mains.test(one.from)));
    expect(found.map((one) => `${one.at} imports ${one.to}`), 'main and daemon know all the others: whoever imported them would know all, too').toEqual([]);
  });
});

describe('rings', () => {
  test('there are none', () => {
    expect(rings(imports), 'files that need each other are one idea: put it in one file, or the shared part in a third').toEqual([]);
  });

  test('are found', () => {
    const [a, b] = [codeFile('x/a.ts', `import './b.ts'`), codeFile('x/b.ts', `export type A = import('./a.ts').A`)];
    expect(rings([...importsOf(a), ...importsOf(b)])).toEqual([['x/a.ts', 'x/b.ts', 'x/a.ts']]);
  });
});
