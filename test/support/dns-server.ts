/** A name server on loopback that says what a test wants: the truth, lies, or nothing. UDP alone. */
import { createSocket } from 'node:dgram';
import { onTestFinished } from 'vitest';
import { addressBytes } from 'banban-shared';
import { address } from './records.ts';

/** What it says of a name. `silent` never answers · `servfail` refuses with that code · `garbage` sends bytes that are no DNS · `loop` is an alias of itself · `other` answers another question. */
export type Said = { readonly a?: readonly string[]; readonly aaaa?: readonly string[]; readonly ttl?: number } | 'silent' | 'servfail' | 'garbage' | 'loop' | 'other';

export interface DnsServer {
  /** `address:port`. */
  readonly place: string;
  /** A name that is not in it does not exist. */
  readonly names: Map<string, Said>;
  /** Every question so far, as `A name` or `AAAA name`. */
  readonly asked: readonly string[];
}

const A = 1;
const CNAME = 5;
const AAAA = 28;
/** A pointer to the name of the question, RFC 1035 section 4.1.4. */
const ITS_NAME = [0xc0, 0x0c];

function questionOf(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answer(query: Buffer, end: number, code: number, records: readonly { readonly type: number; readonly ttl: number; readonly data: readonly number[] }[]): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  const body = records.map(({ type, ttl, data }) => {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt32BE(ttl, 4);
    fixed.writeUInt16BE(data.length, 8);
    return Buffer.concat([Buffer.from(ITS_NAME), fixed, Buffer.from(data)]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...body]);
}

function reply(query: Buffer, names: ReadonlyMap<string, Said>): Buffer | undefined {
  const { name, type, end } = questionOf(query);
  const said = names.get(name);
  if (said === undefined) return answer(query, end, 3, []);
  if (said === 'silent') return undefined;
  if (said === 'servfail') return answer(query, end, 2, []);
  if (said === 'garbage') return Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0xc0, 0xff])]);
  if (said === 'loop') return answer(query, end, 0, [{ type: CNAME, ttl: 60, data: ITS_NAME }]);
  if (said === 'other') {
    const other = Buffer.from(query);
    other[13] = 'x'.charCodeAt(0);
    return answer(other, end, 0, [{ type: A, ttl: 60, data: [203, 0, 113, 66] }]);
  }
  const own = (type === A ? said.a : type === AAAA ? said.aaaa : undefined) ?? [];
  return answer(query, end, 0, own.map((text) => ({ type, ttl: said.ttl ?? 600, data: wire(text, type) })));
}

/** `::ffff:a.b.c.d` as well, where it is asked for. */
function wire(text: string, type: number): readonly number[] {
  const bytes = addressBytes(address(text));
  return type === AAAA && bytes.length === 4 ? [...new Array<number>(10).fill(0), 255, 255, ...bytes] : bytes;
}

/** Serves until the test is over. */
export async function dnsServer(names: Readonly<Record<string, Said>> = {}): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const known = new Map(Object.entries(names));
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, type } = questionOf(query);
    asked.push(`${type === A ? 'A' : type === AAAA ? 'AAAA' : String(type)} ${name}`);
    const bytes = reply(query, known);
    if (bytes !== undefined) socket.send(bytes, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => void socket.close());
  return { place: `127.0.0.1:${socket.address().port}`, names: known, asked };
}
