/** The ways to a receiver over real sockets and programs: quick, slow, refusing and dead ones, and log lines that want to be more than text. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import type { SmtpConfig } from '../../packages/server/src/config/notify.ts';
import { commandReceiver } from '../../packages/server/src/notify/command.ts';
import { mailReceiver } from '../../packages/server/src/notify/mail-receiver.ts';
import type { Delivery, Message, Receiver } from '../../packages/server/src/notify/receiver.ts';
import { webhookReceiver } from '../../packages/server/src/notify/webhook.ts';
import { createWhois } from '../../packages/server/src/notify/whois.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { banNotice, HOSTILE, mailWay, message } from '../support/notices.ts';
import { address } from '../support/records.ts';
import { smtpServer, type SmtpServer } from '../support/smtp-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';
import { webServer } from '../support/web-server.ts';

const patient = (): AbortSignal => new AbortController().signal;
/** Whether it gives up at once when its time is over. */
async function whenGivenUp(receiver: Receiver, isUnderWay: () => boolean, what: Message = message()): Promise<Delivery> {
  const control = new AbortController();
  const sent = receiver.send(what, control.signal);
  await waitFor('the delivery to be under way', isUnderWay);
  control.abort();
  return sent;
}

const smtp = (server: SmtpServer, given: Partial<SmtpConfig> = {}): SmtpConfig => ({ host: '127.0.0.1', port: server.port, security: 'none', user: undefined, passwordFile: undefined, ...given });
const byServer = (server: SmtpServer, given: Partial<SmtpConfig> = {}): Receiver => mailReceiver(mailWay({ from: 'banban@example.org', smtp: smtp(server, given) }), systemClock);
/** What a mail's body says, by whatever encoding it came. */
function bodyOf(text: string): string {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  const encoding = /^Content-Transfer-Encoding: (\S+)/im.exec(head)?.[1] ?? '7bit';
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return body;
  return Buffer.from(body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
}
const headersOf = (text: string): string[] => (text.split('\r\n\r\n')[0] ?? '').replace(/\r\n[ \t]+/g, ' ').split('\r\n');

describe('a mail server', () => {
  test('gets a mail in plain text with the log lines, from and to whom the configuration says', async () => {
    const server = await smtpServer();
    expect(await byServer(server).send(message(), patient())).toEqual({ kind: 'sent' });
    const [mail] = server.mails;
    expect([mail?.from, mail?.to]).toEqual(['banban@example.org', ['root@localhost']]);
    const headers = headersOf(mail?.text ?? '');
    expect(headers).toEqual(expect.arrayContaining([
      'From: banban <banban@example.org>', 'To: root@localhost', 'Subject: [banban mail.example.org] banned 203.0.113.7 in BLOCKER', 'Auto-Submitted: auto-generated', 'Content-Type: text/plain; charset=utf-8', expect.stringMatching(/^Date: /), expect.stringMatching(/^Message-ID: /i),
    ]));
    expect(bodyOf(mail?.text ?? '')).toContain('banned 203.0.113.7 in BLOCKER until 2026-01-02T04:04:05Z (1h), by the rule ssh, level 1: 3 matches in 1h\r\n    sshd[7]: Failed password for root from 203.0.113.7 port 4242 ssh2\r\n');
    await waitFor('the connection to be closed', () => server.open() === 0);
  });

  test('gets hostile log lines as text: no header, no second mail, no end, nothing for a terminal', async () => {
    const server = await smtpServer();
    await byServer(server).send(message([banNotice({}, [HOSTILE, '.', 'From x'])]), patient());
    expect(server.mails).toHaveLength(1);
    const text = server.mails[0]?.text ?? '';
    expect(headersOf(text).map((line) => line.replace(/:.*$/, '')).sort()).toEqual(['Auto-Submitted', 'Content-Transfer-Encoding', 'Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To']);
    const body = bodyOf(text);
    expect(body).toContain(String.raw`user a\x0d\x0a.\x0d\x0aBcc: victim@example.org`);
    expect(body).toContain(String.raw`\x1b]0;owned\x07\x1b[2J \u202egnp.exe \x9b31m`);
    expect(body.replaceAll('\r\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
    for (const line of text.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  });

  test('that is slow gets its mail all the same', async () => {
    const server = await smtpServer('slow');
    expect(await byServer(server).send(message(), patient())).toEqual({ kind: 'sent' });
    expect(server.mails).toHaveLength(1);
  });

  test.each(['mute', 'drip', 'stall'] as const)('that is %s is given up when its time is over, and its connection closed', async (mood) => {
    const server = await smtpServer(mood);
    const underWay = mood === 'stall' ? (): boolean => server.commands.includes('DATA') : (): boolean => server.open() === 1;
    expect(await whenGivenUp(byServer(server), underWay)).toMatchObject({ kind: 'failed', isFinal: false });
    await waitFor('the connection to be closed', () => server.open() === 0);
  });

  test('that answers without end is let go', async () => {
    const server = await smtpServer('long');
    expect(await byServer(server).send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false });
    await waitFor('the connection to be closed', () => server.open() === 0);
  });

  test.each([[550, true], [450, false]] as const)('that refuses the recipient with %i is tried again: not %s', async (status, isFinal) => {
    const server = await smtpServer(status);
    const delivery = await byServer(server).send(message(), patient());
    expect(delivery).toMatchObject({ kind: 'failed', isFinal });
    expect(delivery).toMatchObject({ message: expect.stringMatching(new RegExp(`^the mail server 127\\.0\\.0\\.1, port ${server.port}: .*${status} no such <b>user</b>\\\\x1b\\[2J here$`)) });
  });

  test('that is busy, or not there, is tried again', async () => {
    const server = await smtpServer('busy');
    expect(await byServer(server).send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false, message: expect.stringMatching(/421 too busy \\x1b\[31mnow/) });
    expect(await byServer(server, { port: 1 }).send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false, message: expect.stringMatching(/^the mail server 127\.0\.0\.1, port 1: .*ECONNREFUSED/) });
  });

  test('that has no TLS gets neither mail nor password where TLS was asked for', async () => {
    const server = await smtpServer();
    const passwordFile = join(tempDir(), 'password');
    writeFileSync(passwordFile, 'secret\nnot this\n');
    for (const security of ['starttls', 'tls'] as const) {
      const control = new AbortController();
      setTimeout(() => control.abort(), 2000).unref();
      expect(await byServer(server, { security, user: 'banban', passwordFile }).send(message(), control.signal)).toMatchObject({ kind: 'failed' });
    }
    expect(server.mails).toEqual([]);
    expect(server.commands.filter((line) => line.startsWith('AUTH'))).toEqual([]);
  });

  test('is logged in to with the first line of the password file, which is read each time', async () => {
    const server = await smtpServer();
    const passwordFile = join(tempDir(), 'password');
    const receiver = byServer(server, { user: 'banban', passwordFile });
    expect(await receiver.send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false, message: expect.stringContaining(passwordFile) });
    writeFileSync(passwordFile, 'wrong\n');
    expect(await receiver.send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false, message: expect.stringContaining('535 wrong password') });
    writeFileSync(passwordFile, 'secret\nnot this\n');
    expect(await receiver.send(message(), patient())).toEqual({ kind: 'sent' });
  });
});

describe('sendmail', () => {
  const sendmail = (text: string) => {
    const program = fakeProgram('sendmail', text);
    return { program, receiver: mailReceiver(mailWay({ to: 'root', sendmail: join(program.path.split(':')[0] ?? '', 'sendmail') }), systemClock) };
  };

  test('gets the mail on its standard input, and -t -i', async () => {
    const { program, receiver } = sendmail('echo "$@" > "$DIR/args"; cat > "$IN"');
    expect(await receiver.send(message([banNotice({}, [HOSTILE])]), patient())).toEqual({ kind: 'sent' });
    expect(readFileSync(join(program.path.split(':')[0] ?? '', 'args'), 'utf8')).toBe('-t -i\n');
    const [mail = ''] = program.inputs();
    expect(mail).not.toContain('\r');
    expect(mail).toMatch(/^To: <root>$/m);
    expect(mail).toMatch(/^From: banban <banban@mail\.example\.org>$/m);
    expect(mail).not.toMatch(/^Bcc:/m);
  });

  test('that fails, hangs or is not there is said', async () => {
    expect(await sendmail('echo "queue file: no space" >&2; exit 75').receiver.send(message(), patient())).toMatchObject({ kind: 'failed', message: expect.stringMatching(/sendmail ended with exit code 75: queue file: no space$/) });
    const hanging = sendmail('touch "$IN"; sleep 600');
    expect(await whenGivenUp(hanging.receiver, () => hanging.program.inputs().length === 1)).toMatchObject({ kind: 'failed' });
    expect(await mailReceiver(mailWay({ sendmail: '/nowhere/sendmail' }), systemClock).send(message(), patient())).toMatchObject({ kind: 'failed', message: expect.stringContaining('/nowhere/sendmail is not installed') });
  });
});

describe('a webhook', () => {
  const hook = (url: string, format: 'generic' | 'slack' | 'discord' | 'ntfy' = 'generic'): Receiver => webhookReceiver({ url, format });

  test('of the generic form gets everything as JSON', async () => {
    const server = await webServer();
    expect(await hook(`${server.url}/a/b?token=x`).send(message([banNotice({}, [HOSTILE])]), patient())).toEqual({ kind: 'sent' });
    const [posted] = server.posted;
    expect([posted?.method, posted?.path, posted?.headers['content-type'], posted?.headers['user-agent']]).toEqual(['POST', '/a/b?token=x', 'application/json', 'banban']);
    expect(JSON.parse(posted?.body ?? '')).toMatchObject({ host: 'mail.example.org', subject: 'banned 203.0.113.7 in BLOCKER', total: 1, counts: [{ type: 'ban', target: 'BLOCKER', rule: 'ssh', count: 1 }], events: [{ type: 'ban', address: '203.0.113.7', target: 'BLOCKER', level: 1, lines: [HOSTILE] }] });
  });

  test('gets the name and password of its URL', async () => {
    const server = await webServer();
    await hook(server.url.replace('//', '//us%40er:pa%3Ass@')).send(message(), patient());
    expect(server.posted[0]?.headers.authorization).toBe(`Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`);
  });

  test('of ntfy gets plain text and a title of our own words', async () => {
    const server = await webServer();
    await hook(`${server.url}/topic`, 'ntfy').send(message([banNotice({}, [HOSTILE])]), patient());
    expect(server.posted[0]?.headers).toMatchObject({ title: 'mail.example.org: banned 203.0.113.7 in BLOCKER', 'content-type': 'text/plain; charset=utf-8' });
    expect(server.posted[0]?.body.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  test.each([[204, 'sent', undefined], [200, 'sent', undefined], [400, 'failed', true], [422, 'failed', true], [404, 'failed', false], [429, 'failed', false], [500, 'failed', false], [302, 'failed', false]] as const)('that answers %i: %s, for good: %s', async (status, kind, isFinal) => {
    const server = await webServer();
    server.answer = (response) => void response.writeHead(status, { location: `${server.url}/other` }).end(status === 204 ? undefined : 'no \x1b[31mservice\n');
    const delivery = await hook(server.url).send(message(), patient());
    expect(delivery.kind).toBe(kind);
    if (delivery.kind === 'failed') {
      expect(delivery.isFinal).toBe(isFinal);
      expect(delivery.message).toMatch(status === 302 ? /a redirect, which is not followed/ : new RegExp(`^it answered with status ${status}: no \\\\x1b\\[31mservice$`));
    }
    expect(server.posted).toHaveLength(1);
  });

  test('that never answers, or answers without end, or breaks off, costs no more than its time and 2 KiB', async () => {
    const server = await webServer();
    server.answer = () => undefined;
    expect(await whenGivenUp(hook(server.url), () => server.posted.length === 1)).toMatchObject({ kind: 'failed', isFinal: false });
    server.answer = (response) => {
      response.writeHead(500);
      const more = (): void => void (response.write('x'.repeat(65_536)) ? setImmediate(more) : response.once('drain', more));
      response.on('error', () => undefined);
      more();
    };
    expect(await hook(server.url).send(message(), patient())).toMatchObject({ kind: 'failed', message: expect.stringMatching(/^it answered with status 500: x{10,199}…$/) });
    server.answer = (response) => void response.destroy();
    expect(await hook(server.url).send(message(), patient())).toMatchObject({ kind: 'failed', message: 'it closed the connection before it answered' });
    server.answer = (response) => void response.socket?.end('this is no HTTP\r\n\r\n');
    expect(await hook(server.url).send(message(), patient())).toMatchObject({ kind: 'failed' });
  });

  test('that is not there is said without its URL, which is a secret', async () => {
    const delivery = await hook('http://127.0.0.1:1/secret?token=secret').send(message(), patient());
    expect(delivery).toMatchObject({ kind: 'failed', isFinal: false, message: 'nobody listens there (connection refused)' });
  });
});

describe('a command', () => {
  const run = (text: string, args: readonly string[] = []): { readonly receiver: Receiver; readonly dir: string; inputs(): readonly string[] } => {
    const program = fakeProgram('tell', text);
    const dir = program.path.split(':')[0] ?? '';
    return { receiver: commandReceiver([join(dir, 'tell'), ...args], systemClock), dir, inputs: () => program.inputs() };
  };

  test('gets the message as JSON, and arguments that no shell has seen', async () => {
    const { receiver, dir, inputs } = run('printf "<%s>" "$@" > "$DIR/args"; cat > "$IN"', ['{type}', '{address}', 'x{target}', '{rule}', '{count}', '{subject}', '$(id)', '{other}']);
    expect(await receiver.send(message([banNotice({}, [HOSTILE])]), patient())).toEqual({ kind: 'sent' });
    expect(readFileSync(join(dir, 'args'), 'utf8')).toBe('<ban><203.0.113.7><xBLOCKER><ssh><1><banned 203.0.113.7 in BLOCKER><$(id)><{other}>');
    expect(JSON.parse(inputs()[0] ?? '')).toMatchObject({ events: [{ lines: [HOSTILE] }] });
    expect(inputs()[0]).toMatch(/^[^\n]+\n$/);
  });

  test('gets of many things what they have in common', async () => {
    const { receiver, dir } = run('printf "<%s>" "$@" > "$DIR/args"', ['{type}', '{address}', '{target}', '{rule}', '{count}']);
    await receiver.send(message([banNotice(), banNotice({ address: address('203.0.113.8'), origin: { kind: 'rule', name: 'web' } })]), patient());
    expect(readFileSync(join(dir, 'args'), 'utf8')).toBe('<ban><><BLOCKER><><2>');
  });

  test('that exits 1, reads nothing, hangs or can’t be run is said, and may be better later', async () => {
    const { receiver } = run('echo no >&2; exit 1');
    expect(await receiver.send(message(), patient())).toMatchObject({ kind: 'failed', isFinal: false, message: expect.stringMatching(/tell ended with exit code 1: no$/) });
    expect(await run('exit 0').receiver.send(message(Array.from({ length: 50 }, () => banNotice({}, Array.from({ length: 10 }, () => 'x'.repeat(500))))), patient())).toEqual({ kind: 'sent' });
    const hanging = run('touch "$IN"; sleep 600');
    expect(await whenGivenUp(hanging.receiver, () => hanging.inputs().length === 1)).toMatchObject({ kind: 'failed' });
    const plain = join(tempDir(), 'plain');
    writeFileSync(plain, '');
    chmodSync(plain, 0o644);
    expect(await commandReceiver([plain], systemClock).send(message(), patient())).toMatchObject({ kind: 'failed', message: expect.stringContaining('is not installed') });
  });
});

describe('whois', () => {
  const asked = (text: string) => {
    const program = fakeProgram('whois', text);
    return { program, whois: createWhois({ clock: systemClock, path: program.path }), questions: () => program.inputs() };
  };

  test('is asked once for a network, and what it says is made harmless', async () => {
    const { whois, questions } = asked('echo "$@" > "$IN"; printf "%% rules\\n# more\\nnetname:\\tEVIL \\033[2J\\r\\n\\n\\n\\nabuse: x@example.org\\n"');
    const [first] = await whois.about([address('203.0.113.7'), address('203.0.113.8')], patient());
    expect(first).toEqual({ subject: '203.0.113.7', text: 'netname:  EVIL \\x1b[2J\n\nabuse: x@example.org' });
    await whois.about([address('203.0.113.9')], patient());
    expect(questions()).toEqual(['203.0.113.7\n']);
    await whois.about([address('2001:db8::1'), address('2001:db8:0:1::1')], patient());
    await whois.about([address('2001:db8:1::1')], patient());
    expect(questions()).toHaveLength(3);
  });

  test('that has no end is cut, that says nothing or is not there is said so', async () => {
    const [long] = await asked('yes "some words of a registry" | head -c 1000000').whois.about([address('203.0.113.7')], patient());
    expect(long?.text.length).toBe(16_384);
    expect((await asked('exit 2').whois.about([address('203.0.113.7')], patient()))[0]?.text).toBe('(whois has nothing on it, exit code 2)');
    expect((await createWhois({ clock: systemClock, path: '/nowhere' }).about([address('203.0.113.7')], patient()))[0]?.text).toBe('(the program whois is not installed (looked in /nowhere))');
  });

  test('that hangs is not waited for once the time is over, and never more than two run', async () => {
    const { program, whois } = asked('touch "$DIR/run.$$"; exec sleep 600');
    const dir = program.path.split(':')[0] ?? '';
    const running = (): number[] => readdirSync(dir).filter((name) => name.startsWith('run.')).map((name) => Number(name.slice(4)));
    onTestFinished(() => running().forEach((pid) => {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // Its own time limit came first.
      }
    }));
    const control = new AbortController();
    const answers = whois.about(Array.from({ length: 9 }, (_, i) => address(`203.0.${i}.7`)), control.signal);
    await waitFor('two to run', () => running().length === 2);
    control.abort();
    expect((await answers).map(({ text }) => text)).toEqual(Array.from({ length: 5 }, () => '(whois took too long)'));
    expect(running()).toHaveLength(2);
  });
});
