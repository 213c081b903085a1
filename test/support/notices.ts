/** Things to tell people of, messages and receivers, with everything filled in that the test does not care about. */
import { instant, ms, type Instant } from 'banban-shared';
import type { NotifyConfig, NotifyWay } from '../../packages/server/src/config/notify.ts';
import { gathering } from '../../packages/server/src/notify/batch.ts';
import type { Notice } from '../../packages/server/src/notify/notice.ts';
import type { Message } from '../../packages/server/src/notify/receiver.ts';
import type { BanRecord } from '../../packages/server/src/store/store.ts';
import { address, T0 } from './records.ts';

export const banRecord = (given: Partial<BanRecord> = {}): BanRecord => ({
  id: 1, address: address('203.0.113.7'), target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: '3 matches in 1h', since: T0, until: instant(T0 + 3_600_000), connections: 0, ...given,
});

export const banNotice = (given: Partial<BanRecord> = {}, lines: readonly string[] = ['sshd[7]: Failed password for root from 203.0.113.7 port 4242 ssh2'], at: Instant = T0): Notice =>
  ({ at, type: 'ban', ban: banRecord(given), isNew: true, lines });

export function message(notices: readonly Notice[] = [banNotice()], given: Partial<Message> = {}): Message {
  const gathered = gathering();
  for (const notice of notices) gathered.add(notice);
  const batch = gathered.take();
  if (batch === undefined) throw new Error('a message is about something');
  return { ...batch, host: 'mail.example.org', whois: [], ...given };
}

export const mailWay = (given: Partial<Extract<NotifyWay, { kind: 'mail' }>> = {}): Extract<NotifyWay, { kind: 'mail' }> =>
  ({ kind: 'mail', to: 'root@localhost', from: undefined, smtp: undefined, sendmail: '/usr/sbin/sendmail', ...given });

export const notifyConfig = (given: Partial<NotifyConfig> = {}): NotifyConfig => ({
  name: 'mail root@localhost', on: ['ban'], way: mailWay(), every: undefined, atMost: 10, targets: undefined, rules: undefined, whois: false, timeout: ms(30_000), ...given,
});

/** A log line as nobody wants it in a mail, a page, a chat or a terminal. */
export const HOSTILE = 'sshd[7]: user a\r\n.\r\nBcc: victim@example.org\r\n\r\n<script>x</script> <!channel> @everyone ``` \x1b]0;owned\x07\x1b[2J \u202egnp.exe \u009b31m {address} $(id) `id`';
