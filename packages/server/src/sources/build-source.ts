/** From what the configuration says of a source to the source, and to what the engine has to know of it. */
import type { Ms } from 'banban-shared';
import { idOf } from '../accounts.ts';
import type { Clock } from '../clock.ts';
import type { SourceConfig } from '../config/sources.ts';
import { createFeed, type Feed } from '../engine/feed.ts';
import { fileSource } from '../ingest/file.ts';
import { journalSource } from '../ingest/journal.ts';
import type { Positions, Source } from '../ingest/source.ts';
import { stdinSource } from '../ingest/stdin.ts';
import { syslogTcpSource } from '../ingest/syslog-tcp.ts';
import { syslogUdpSource } from '../ingest/syslog-udp.ts';
import { unixDatagramSource } from '../ingest/unix-datagram.ts';

/** What sources are built with. */
export interface SourceParts {
  readonly clock: Clock;
  readonly positions: Positions;
  /** Files that no source may open: the database. */
  readonly spared: (path: string) => boolean;
  /** Takes a sentence that no status shows: what was lost and why. */
  readonly warn: (message: string) => void;
}

/** A source, before or after its start. */
export interface BuiltSource {
  readonly source: Source;
  readonly feed: Feed;
  readonly silentAfter: Ms | undefined;
}

/** @throws a sentence where a user or group does not exist */
function sourceOf(config: SourceConfig, { clock, positions, spared, warn }: SourceParts): Source {
  switch (config.type) {
    case 'unix':
      return unixDatagramSource({ path: config.path, uid: idOf('passwd', config.owner), gid: idOf('group', config.group), mode: config.mode }, clock);
    case 'file':
      return fileSource({ path: config.path, from: config.from, positions, spared, say: warn }, clock);
    case 'journal':
      return remembering(journalSource({ name: config.path, units: config.units, matches: config.matches, positions, warn }, clock), positions);
    case 'syslog':
      return config.protocol === 'udp' ? syslogUdpSource(config, clock) : syslogTcpSource(config, clock);
    case 'stdin':
      return stdinSource(clock);
  }
}

/** A reload may begin it anew, sooner than the database knows how far it was. */
function remembering(source: Source, positions: Positions): Source {
  return {
    ...source,
    start: (deliver) =>
      source.start((bytes, at, progress) => {
        const { length } = bytes;
        deliver(bytes, at, progress === undefined ? undefined : {
          ...progress,
          done() {
            positions.set(progress.key, progress.after(length));
            progress.done?.();
          },
        });
      }),
  };
}

/** Built and not started. @throws a sentence where a user or group does not exist */
export function buildSource(config: SourceConfig, parts: SourceParts): BuiltSource {
  // One datagram is one record, with whatever line breaks it has; what comes as a stream was cut into records by its source.
  const isDatagram = config.type === 'unix' || (config.type === 'syslog' && config.protocol === 'udp');
  const ownTime = config.type === 'file' || config.type === 'journal';
  const rules = config.rules === undefined ? undefined : new Set(config.rules);
  return {
    source: sourceOf(config, parts),
    feed: createFeed({ name: `${config.type} ${config.path}`, rules, pardons: config.pardons, isDatagram, ownTime }),
    silentAfter: config.silentAfter,
  };
}
