/** Lines as services write them about a far side that has one address and may choose some of the text. */

export interface ServiceLine {
  /** `rule` the rule that the line counts in · `good` it pardons · undefined: it is nobody's business. */
  readonly counts: string | undefined;
  /** What the far side may choose: any text (a user name), a word (nothing with a space), or a name in the DNS. */
  readonly chooses: 'text' | 'word' | 'dns';
  readonly program: string;
  /** Without it, the program writes none. */
  readonly pid: number | undefined;
  readonly message: (chosen: string, address: string) => string;
}

const line = (counts: string | undefined, chooses: ServiceLine['chooses'], program: string, pid: number | undefined, message: ServiceLine['message']): ServiceLine => ({ counts, chooses, program, pid, message });

/** Of the services that config/banban.yml knows, those that are commented out there too, and of some that it does not know. */
export const serviceLines: readonly ServiceLine[] = [
  line('sshd-password', 'text', 'sshd', 811, (x, a) => `Failed password for invalid user ${x} from ${a} port 40022 ssh2`),
  line('sshd-password', 'text', 'sshd-session', 811, (x, a) => `Failed keyboard-interactive/pam for invalid user ${x} from ${a} port 4 ssh2`),
  line('sshd-password', 'word', 'sshd-auth', 811, (x, a) => `Failed password for ${x} from ${a} port 40022 ssh2`),
  line('sshd-invalid-user', 'text', 'sshd', 811, (x, a) => `Invalid user ${x} from ${a} port 40022`),
  line('sshd-probe', 'text', 'sshd', 811, (x, a) => `Connection closed by invalid user ${x} ${a} port 4 [preauth]`),
  line('sshd-probe', 'text', 'sshd', 811, (x, a) => `Connection reset by authenticating user ${x} ${a} port 4 [preauth]`),
  line('sshd-probe', 'text', 'sshd-session', 811, (x, a) => `Disconnected from invalid user ${x} ${a} port 4`),
  line('sshd-probe', 'word', 'sshd', 811, (x, a) => `User ${x} from ${a} not allowed because not listed in AllowUsers`),
  line('sshd-probe', 'text', 'sshd', 811, (x, a) => `Unable to negotiate with ${a} port 4: no matching key exchange method found. Their offer: ${x} [preauth]`),
  line('sshd-probe', 'text', 'sshd', 811, (_, a) => `banner exchange: Connection from ${a} port 4: invalid format`),
  line('sshd-probe', 'text', 'sshd', 811, (_, a) => `Did not receive identification string from ${a} port 4`),
  line('sshd-password', 'text', 'sshd', 811, (x, a) => `error: maximum authentication attempts exceeded for invalid user ${x} from ${a} port 4 ssh2 [preauth]`),
  line('good', 'text', 'sshd', 811, (x, a) => `Accepted publickey for alice from ${a} port 4 ssh2: RSA-CERT SHA256:abc ID ${x} (serial 0) CA RSA SHA256:def`),
  line('good', 'word', 'sshd-session', 811, (x, a) => `Accepted password for ${x} from ${a} port 4 ssh2`),
  line('postfix-password', 'dns', 'postfix/smtpd', 5, (x, a) => `warning: ${x}[${a}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6`),
  line('postfix-password', 'text', 'postfix/submission/smtpd', 5, (x, a) => `warning: unknown[${a}]: SASL PLAIN authentication failed: (reason unavailable), sasl_username=${x}`),
  line('postfix-relay', 'text', 'postfix/smtpd', 5, (x, a) => `NOQUEUE: reject: RCPT from unknown[${a}]: 554 5.7.1 <u@example.net>: Relay access denied; from=<${x}> to=<u@example.net> proto=ESMTP helo=<${x}>`),
  line('dovecot-password', 'text', 'dovecot', undefined, (x, a) => `imap-login: Disconnected (auth failed, 1 attempts in 4 secs): user=<${x}>, method=PLAIN, rip=${a}, lip=192.0.2.200, session=<q1w2E3/+abc>`),
  line('dovecot-password', 'text', 'dovecot', undefined, (x, a) => `pop3-login: Aborted login (auth failed, 3 attempts in 9 secs): user=<${x}>, method=PLAIN, rip=${a}, lip=2001:db8::200, TLS`),
  line('good', 'word', 'dovecot', undefined, (x, a) => `imap-login: Login: user=<${x.replace(/[<>]/g, '')}>, method=PLAIN, rip=${a}, lip=192.0.2.200, mpid=7, session=<q1w2>`),
  line('good', 'dns', 'cyrus/imaps', 9, (x, a) => `login: ${x} [${a}] alice plain+TLS User logged in`),
  line('sendmail-rate', 'dns', 'sm-mta', 77, (x, a) => `62H1a2B3: ruleset=check_relay, arg1=${x}, arg2=${a}, relay=${x} [${a}], reject=421 4.3.2 Too many open connections.`),
  line('web', 'word', 'nginx', undefined, (x, a) => `${a} - - [03/Mar/2026:03:00:00 +0000] "GET /.env HTTP/1.1" 404 153 "-" "${x}"`),
  line(undefined, 'text', 'sshd', 811, (x) => `input_userauth_request: invalid user ${x} [preauth]`),
  line(undefined, 'text', 'login', 3, (x, a) => `FAILED LOGIN (1) on '/dev/tty1' from '${a}' FOR '${x}', Authentication failure`),
  line(undefined, 'text', 'nginx', undefined, (x, a) => `${a} - ${x} "GET /${x} HTTP/1.1" 404`),
  line(undefined, 'text', 'kernel', undefined, (_, a) => `[123.456] IN=eth0 OUT= SRC=${a} DST=192.0.2.200 PROTO=TCP DPT=22`),
];

/** The message with its tag, as in `text` of an entry. */
export const taggedLine = ({ program, pid, message }: ServiceLine, chosen: string, address: string): string => `${program}${pid === undefined ? '' : `[${pid}]`}: ${message(chosen, address)}`;

/** What a sender may write before the tag. */
export const lineHeads: readonly string[] = ['', '<38>', 'Mar  3 03:00:00 ', 'Mar  3 03:00:00 host ', '<38>Mar 13 03:00:00 host.example.net ', '2026-03-03T03:00:00.123456+01:00 host ', '<38>2026-03-03T03:00:00,123Z '];

/** The same line as RFC 5424 has it. */
export const rfc5424Line = ({ program, pid, message }: ServiceLine, chosen: string, address: string): string =>
  `<38>1 2026-03-03T03:00:00.123456+01:00 host ${program} ${pid ?? '-'} - [timeQuality tzKnown="1"] \ufeff${message(chosen, address)}`;
