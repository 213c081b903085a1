/** One question to the DNS, with a limit of time: the only door to node:dns. */
import { Resolver } from 'node:dns/promises';
import { ms, parseAddress, type Address, type Family, type HostName, type Ms } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** What the name servers said. `seconds` is for how long, as they say it. */
export type DnsAnswer =
  | { readonly kind: 'found'; readonly addresses: readonly Address[]; readonly seconds: number }
  /** They know of no such name, or of no address that it has. */
  | { readonly kind: 'none' }
  /** They could not be asked, or did not answer; a few words. */
  | { readonly kind: 'failed'; readonly why: string };

/** Asks for the addresses of one family that a name has. Throws nothing. */
export type AskDns = (name: HostName, family: Family) => Promise<DnsAnswer>;

/** What is left out, for tests. */
export interface AskDnsOptions {
  /** Name servers as `address` or `address:port`; default: those of /etc/resolv.conf, which is read for every question. */
  readonly servers?: readonly string[];
  /** Default 5 s. */
  readonly patience?: Ms;
}

const PATIENCE = ms(5000);
/** Within the patience for two servers, of which the first is silent. */
const FIRST_TRY_MS = 2000;
const TRIES = 2;

const NOTHING_THERE = new Set(['ENOTFOUND', 'ENODATA']);
const REASONS: Readonly<Record<string, string>> = {
  ETIMEOUT: 'no name server answered in time',
  ECANCELLED: 'no name server answered in time',
  ESERVFAIL: 'the name server could not find out',
  EREFUSED: 'the name server refused to answer',
  ECONNREFUSED: 'no name server can be reached',
  EBADRESP: 'the answer of the name server can’t be read',
  EFORMERR: 'the answer of the name server can’t be read',
};

function failure(error: unknown): DnsAnswer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (NOTHING_THERE.has(code)) return { kind: 'none' };
  return { kind: 'failed', why: REASONS[code] ?? (error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 200) : 'unknown') };
}

/** Asks the machine's name servers; /etc/hosts and search domains are not looked at. */
export function askDns(clock: Clock, options: AskDnsOptions = {}): AskDns {
  return async (name, family) => {
    let resolver: Resolver;
    try {
      // One for each question: it reads resolv.conf anew, and giving one up ends all that it was asked.
      resolver = new Resolver({ timeout: FIRST_TRY_MS, tries: TRIES });
      if (options.servers !== undefined) resolver.setServers(options.servers);
    } catch (error) {
      return failure(error);
    }
    const limit = clock.after(options.patience ?? PATIENCE, () => resolver.cancel());
    try {
      const records = await (family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true }));
      const addresses = [...new Set(records.flatMap((record) => parseAddress(record.address) ?? []))];
      if (addresses.length === 0) return { kind: 'none' };
      return { kind: 'found', addresses, seconds: Math.min(...records.map((record) => record.ttl)) };
    } catch (error) {
      return failure(error);
    } finally {
      limit.cancel();
    }
  };
}
