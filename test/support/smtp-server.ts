/** A mail server of the test's own on loopback: as much of RFC 5321 as a client that sends one mail needs, in every mood. */
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, without the dots that were put before dots. */
  readonly text: string;
}

export interface SmtpServer {
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
  /** Commands that came, without what was mailed. */
  readonly commands: readonly string[];
  /** Open connections. */
  readonly open: () => number;
  /**
   * quick · slow: a byte of each answer every 20 ms · mute: takes connections and says nothing · drip: greets without end, a byte at a time ·
   * stall: takes the mail and never answers · a number: refuses the recipient with it · busy: 421 at once · long: answers without end
   */
  mood: 'quick' | 'slow' | 'mute' | 'drip' | 'stall' | 'busy' | 'long' | number;
}

export async function smtpServer(mood: SmtpServer['mood'] = 'quick'): Promise<SmtpServer> {
  const mails: ReceivedMail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const every = (milliseconds: number, action: () => void): NodeJS.Timeout => {
    const timer = setInterval(action, milliseconds);
    timers.add(timer);
    return timer;
  };

  function converse(socket: Socket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setEncoding('utf8');
    const answer = (line: string): void => {
      if (server.mood !== 'slow') return void socket.write(`${line}\r\n`);
      const left = [...`${line}\r\n`];
      const timer = every(5, () => {
        const next = left.shift();
        if (next === undefined) clearInterval(timer);
        else socket.write(next);
      });
    };
    if (server.mood === 'mute') return;
    if (server.mood === 'drip') return void every(20, () => socket.write('2'));
    if (server.mood === 'long') return void every(1, () => socket.write(`220-${'x'.repeat(4096)}\r\n`));
    answer(server.mood === 'busy' ? '421 too busy \x1b[31mnow' : '220 test ESMTP');
    let mail: { from: string; to: string[] } = { from: '', to: [] };
    let text: string | undefined;
    let rest = '';
    socket.on('data', (chunk: string) => {
      rest += chunk;
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (text === undefined) command(line);
        else if (line !== '.') text += `${line.replace(/^\./, '')}\r\n`;
        else {
          if (server.mood === 'stall') return;
          mails.push({ ...mail, text });
          text = undefined;
          answer('250 taken');
        }
      }
    });
    function command(line: string): void {
      commands.push(line);
      const word = line.slice(0, 4).toUpperCase();
      if (word === 'MAIL') mail = { from: /<(.*)>/.exec(line)?.[1] ?? '', to: [] };
      if (word === 'RCPT') {
        if (typeof server.mood === 'number') return answer(`${server.mood} no such <b>user</b>\x1b[2J here`);
        mail.to.push(/<(.*)>/.exec(line)?.[1] ?? '');
      }
      if (word === 'DATA') {
        text = '';
        return answer('354 go on');
      }
      if (word === 'EHLO') return void socket.write('250-test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n');
      if (word === 'AUTH') return answer(Buffer.from(line.split(' ')[2] ?? '', 'base64').toString() === '\0banban\0secret' ? '235 come in' : '535 wrong password');
      answer(word === 'QUIT' ? '221 bye' : '250 ok');
      if (word === 'QUIT') socket.end();
    }
  }

  const listener = createServer(converse);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const timer of timers) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address();
  const server: SmtpServer = { port: typeof address === 'object' && address !== null ? address.port : 0, mails, commands, open: () => sockets.size, mood };
  return server;
}
