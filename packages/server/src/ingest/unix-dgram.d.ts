/** The part of the npm package unix-dgram that is used; it ships no types. */
declare module 'unix-dgram' {
  import type { EventEmitter } from 'node:events';
  export interface Socket extends EventEmitter {
    readonly fd: number;
    /** Emits `listening` or `error` before it returns; a path over 107 bytes would be cut without a word. */
    bind(path: string): void;
    /** Emits `connect` or `error` before it returns. */
    connect(path: string): void;
    send(bytes: Buffer, callback?: (error?: Error) => void): void;
    close(): void;
  }
  const unixDgram: { createSocket(type: 'unix_dgram', listener?: (datagram: Buffer | null) => void): Socket };
  export default unixDgram;
}
