import { describe, expect, test } from 'vitest';
import { compilePattern, PatternError } from '../../../../packages/server/src/match/pattern.ts';
import { createMatcher } from '../../../../packages/server/src/match/matcher.ts';
import { entryOf } from '../../../support/parsed.ts';

/** The address that the pattern finds in a line; `nobody` when it matches and names nobody; undefined when it does not match. */
function found(pattern: string, line: string): string | undefined {
  const { hits, notAnAddress } = createMatcher([], [[compilePattern(pattern)]]).match(entryOf(line));
  return hits[0]?.address ?? (notAnAddress ? 'nobody' : undefined);
}

const V4 = '192.0.2.1';
const V6 = '2001:db8::1';

describe('a pattern that can\'t be used says why', () => {
  test.each([
    ['no place for the address', String.raw`sshd\[\d+\]: refused`, /no <ip>/],
    ['a group of another name', '(?<host>.*) refused', /no <ip>/],
    ['<ip> quoted away', String.raw`\Q<ip>\E refused`, /no <ip>/],
    ['<ip> in a class', '[<ip>] refused', /no <ip>/],
    ['nothing at all', '', /no <ip>/],
    ['two', '<ip> and <ip>', /more than one <ip>/],
    ['two, one of them a group', '<ip> and (?<ip>.*)', /more than one <ip>/],
    ['one in the other', '(?<ip><ip>)', /more than one <ip>/],
    ['two, to choose from', 'from <ip>|by <ip>', /more than one <ip>/],
    ['lookahead', 'x(?=y) <ip>', /RE2 can't run it: .*no lookaround and no backreferences/],
    ['negative lookahead', 'x(?!y) <ip>', /no lookaround/],
    ['lookbehind', '(?<=y)x <ip>', /no lookaround/],
    ['negative lookbehind', '(?<!y)x <ip>', /no lookaround/],
    ['an atomic group', '(?>x) <ip>', /no lookaround/],
    ['a backreference', String.raw`(x)\1 <ip>`, /no lookaround and no backreferences/],
    ['a named backreference', String.raw`(?<x>x)\k<x> <ip>`, /no lookaround and no backreferences/],
    ['a group that is not closed', '(x <ip>', /RE2 can't run it: missing/],
    ['a class that is not closed', '[x <ip>', /no <ip>|RE2 can't run it/],
    ['nothing to repeat', '*<ip>', /RE2 can't run it: /],
    ['a backslash at the end', '<ip>\\', /RE2 can't run it: /],
    ['a count that would take all memory', '((x{100}){100}){100} <ip>', /RE2 can't run it: /],
    ['an address that may be left out', '(?:<ip>)?', /matches an empty line/],
    ['an address or nothing', '<ip>|', /matches an empty line/],
    ['4097 characters', `${'x'.repeat(4093)}<ip>`, /4097 characters long; at most 4096/],
  ])('%s', (_, pattern, reason) => {
    expect(() => compilePattern(pattern)).toThrow(PatternError);
    expect(() => compilePattern(pattern)).toThrow(reason);
  });
  test('a hint at lookaround is given only where there is any', () => {
    expect(() => compilePattern('(x <ip>')).not.toThrow(/lookaround/);
  });
  test('the reason does not repeat the expression', () => {
    expect(() => compilePattern('a rather long expression (which is never closed <ip>')).not.toThrow(/rather long/);
  });
});

describe('a hostile pattern costs no more than the length of the line', () => {
  test.each(['(a+)+$', '(a|a)*b', '(a|aa)+$', '(.*)*x', '([a-z]+)*[0-9]+$', '(a?){30}a{30}'])('%s', (expression) => {
    const pattern = compilePattern(`(?:${expression}) from <ip>|(?:${expression})`);
    const matcher = createMatcher([], [[pattern]]);
    const entry = entryOf(`${'a'.repeat(60_000)}!`);
    const began = performance.now();
    matcher.match(entry);
    expect(performance.now() - began).toBeLessThan(1000);
  });
  test('so does a line with a thousand addresses', () => {
    const line = `app[1]: ${Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(' from ')} end`;
    expect(found(String.raw`app\[\d+\]: .* from <ip> end$`, line)).toBe('10.0.3.231');
    expect(found(String.raw`app\[\d+\]: <ip> `, line)).toBe('10.0.0.0');
    expect(found('<ip> nothing', line)).toBeUndefined();
  });
});

describe('<ip>', () => {
  test.each([
    V4, '0.0.0.0', '255.255.255.255', V6, '::', '::1', '2001:db8::', 'fe80::1', '1:2:3:4:5:6:7:8', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '1::8', '64:ff9b::c000:201', '2001:DB8::A',
  ])('finds %s whatever is around it', (address) => {
    const canonical = address === '2001:DB8::A' ? '2001:db8::a' : address === '::2:3:4:5:6:7:8' ? '0:2:3:4:5:6:7:8' : address === '1:2:3:4:5:6:7::' ? '1:2:3:4:5:6:7:0' : address;
    expect(found('from <ip>$', `from ${address}`)).toBe(canonical);
    expect(found('from <ip> port', `from ${address} port`)).toBe(canonical);
    expect(found('from <ip>', `from ${address}`)).toBe(canonical);
    expect(found('^<ip> ', `${address} x`)).toBe(canonical);
    expect(found('<ip>', `${address}`)).toBe(canonical);
    expect(found(String.raw`\[<ip>\]`, `x[${address}]:25`)).toBe(canonical);
    expect(found('IPv6:<ip>,', `IPv6:${address},`)).toBe(canonical);
    expect(found('user=<x>, rip=<ip>, ', `user=<x>, rip=${address}, `)).toBe(canonical);
  });
  test('takes an IPv4 address that is written as IPv6 for what it is', () => {
    expect(found('from <ip> port', 'from ::ffff:192.0.2.1 port')).toBe(V4);
    expect(found('from <ip> port', 'from ::ffff:c000:201 port')).toBe(V4);
    expect(found('from <ip> port', 'from ::192.0.2.1 port')).toBe('::c000:201');
  });
  test('leaves the scope out', () => {
    expect(found('from <ip> port', 'from fe80::1%eth0.5 port')).toBe('fe80::1');
    expect(found('from <ip>$', 'from fe80::1%eth0')).toBe('fe80::1');
  });
  test.each(['999.0.2.1', '192.0.2.256', '192.0.2.01', '010.0.0.1', '192.0.2', '192.0.2.1.5', '1:2:3:4:5:6:7', '1::2::3', 'host.example.net'])('does not take %s for an address', (text) => {
    for (const [pattern, line] of [['from <ip>$', `from ${text}`], ['from <ip> port', `from ${text} port`], ['from <ip>', `from ${text}`], ['from .*<ip>', `from ${text}`]] as const) {
      expect(found(pattern, line) ?? 'nobody').toBe('nobody');
    }
  });
});

describe('where the pattern leaves the edge of the address open, the address must end there by itself', () => {
  test.each([
    ['a name that begins with an address', 'from <ip>', `from ${V4}.example.net`],
    ['a name that begins with an address and a dash', 'from <ip>', `from ${V4}-example.net`],
    ['more digits', String.raw`from \S*?<ip>$`, 'from 1192.0.2.1'],
    ['more octets before', String.raw`from (?:\d+\.)?<ip>$`, 'from 11.192.0.2.1'],
    ['the tail of an IPv6 address', '.*:<ip>$', 'from 2001:db8::1'],
    ['the tail of an IPv6 address with an IPv4 address in it', '.*:<ip>$', 'from 64:ff9b::192.0.2.1'],
    ['letters after', 'from <ip>.*', `from ${V4}x`],
    ['an underscore after', 'from <ip>.*', `from ${V4}_x`],
    ['a letter that is not ASCII', 'from <ip>.*', `from ${V4}é`],
    ['an optional bracket that is not there', String.raw`from <ip>\]?`, `from ${V4}.example.net`],
    ['an alternative without an edge', '(?:from |by.?)<ip> ', `byx${V4} `],
  ])('%s', (_, pattern, line) => {
    const address = found(pattern, line);
    expect([undefined, 'nobody']).toContain(address);
  });
  test.each([
    ['a full stop at the end of a sentence', 'from <ip>', `from ${V4}. Bye`],
    ['a dash that is punctuation', 'from <ip>', `from ${V4} - bye`],
    ['a dash right after', 'from <ip>', `from ${V4}- bye`],
    ['a colon and a space', 'from <ip>', `from ${V6}: bye`],
    ['a colon and a port', 'from <ip>', `from ${V4}:4711`],
    ['brackets', 'from .*?<ip>', `from x[${V4}]`],
    ['the end of the line', 'from <ip>', `from ${V4}`],
    ['a word and a colon before', '(?:from:|by:)<ip>', `from:${V4}`],
    ['an IPv4 address written as IPv6', '.*:<ip>$', `from ::ffff:${V4}`],
  ])('and so it does before or after %s', (_, pattern, line) => {
    expect(found(pattern, line)).toBe(line.includes(V6) ? V6 : V4);
  });
  test('a colon before it is an edge only after something that no address holds', () => {
    expect(compilePattern('IPv6:<ip>$').checkLeft).toBe(false);
    expect(compilePattern(String.raw`\[:<ip>$`).checkLeft).toBe(false);
    for (const open of ['.*:<ip>$', 'a:<ip>$', ':<ip>$', 'x?:<ip>$', '[v6]:<ip>$']) expect(compilePattern(open).checkLeft, open).toBe(true);
  });
  test('no look at the edges is paid for where the pattern has them', () => {
    for (const pattern of ['^<ip> port', 'from <ip>$', String.raw`\[<ip>\]`, 'rip=<ip>,', String.raw`\s<ip>\s`, '<<ip>>', '"<ip>"', 'from <ip>:', 'from <ip> +port']) {
      const { checkLeft, checkRight } = compilePattern(pattern);
      expect([checkLeft, checkRight], pattern).toEqual([false, false]);
    }
    for (const pattern of ['from <ip>', 'from <ip>.', String.raw`from <ip>\]?x`, 'from <ip> *x', 'from <ip> {0,1}x', 'from <ip>-', String.raw`from <ip>\b`, 'from <ip>[ ]', 'from <ip>(?: )', 'from <ip>|x']) expect(compilePattern(pattern).checkRight, pattern).toBe(true);
    for (const pattern of ['<ip> ', '.<ip> ', 'x<ip> ', 'from ?<ip> ', '(?:^)<ip> ', String.raw`\b<ip> `, '[ ]<ip> ', 'x|<ip> ']) expect(compilePattern(pattern).checkLeft, pattern).toBe(true);
  });
});

describe('a pattern that begins with a program is tied to the line\'s own program', () => {
  const FAILED = `sshd[1]: failed from ${V4}`;
  const PATTERN = String.raw`sshd\[\d+\]: failed from <ip>$`;
  test.each([
    ['the line of the program', FAILED, V4],
    ['with stamp and host', `<38>Mar  3 03:00:00 host ${FAILED}`, V4],
    ['the same text in the message of another', `login[1]: ${FAILED}`, undefined],
    ['or of the program itself', `sshd[1]: user ${FAILED}`, undefined],
    ['with something before the name, as in postfix/smtpd', `x/${FAILED}`, V4],
    ['with another name that ends alike, as the text may be matched without its beginning', `open${FAILED}`, V4],
    ['another program', `sshd2[1]: failed from ${V4}`, undefined],
  ])('%s', (_, line, address) => {
    expect(found(PATTERN, line)).toBe(address);
  });
  test('with ^ the name is the whole name', () => {
    expect(found(`^${PATTERN}`, FAILED)).toBe(V4);
    expect(found(`^${PATTERN}`, `open${FAILED}`)).toBeUndefined();
    expect(found(`^${PATTERN}`, `login[1]: ${FAILED}`)).toBeUndefined();
  });
  test.each([
    [String.raw`^sshd(?:-session|-auth)?\[\d+\]: x <ip>`, ['sshd', 'sshd-session', 'sshd-auth'], ['sshd-x', 'xsshd', 'sshd-']],
    [String.raw`^(?:sm-mta|sendmail)\[\d+\]: x <ip>`, ['sm-mta', 'sendmail'], ['sm', 'mta']],
    [String.raw`^(sm-mta|sendmail)\[\d+\]: x <ip>`, ['sm-mta', 'sendmail'], ['sm', 'mta']],
    [String.raw`^dovecot(?:\[\d+\])?: x <ip>`, ['dovecot'], ['dovecot2', 'dove']],
    [String.raw`^postfix/(?:[a-z]+/)?smtpd\[\d+\]: x <ip>`, ['postfix/smtpd', 'postfix/submission/smtpd'], ['postfix/smtp', 'smtpd', 'postfix//smtpd']],
    [String.raw`^auth(?:-worker)?(?:\(\d+\))?: x <ip>`, ['auth', 'auth-worker', 'auth-worker(812)'], ['author']],
    [String.raw`^[Ff]roxlor(?:\[\d+\])?: x <ip>`, ['froxlor', 'Froxlor'], ['roxlor']],
    ['^kernel: x <ip>', ['kernel'], ['kern']],
    [String.raw`^cyrus/imaps?\[\d+\]: x <ip>`, ['cyrus/imap', 'cyrus/imaps'], ['imap', 'cyrus/ima']],
    [String.raw`a\.out\[\d+\]: x <ip>`, ['a.out', './a.out'], ['axout', 'a.out2']],
  ])('%s knows its programs', (pattern, yes, no) => {
    const { program } = compilePattern(pattern);
    if (yes === undefined) return expect(program).toBeUndefined();
    for (const name of yes) expect(program?.test(name), name).toBe(true);
    for (const name of no) expect(program?.test(name), name).toBe(false);
    return undefined;
  });
  test.each(['failed from <ip>', String.raw`.*sshd\[\d+\]: <ip>`, '<ip>: x', String.raw`\[\d+\]: x <ip>`, String.raw`sshd\[\d+\]: x|login <ip>`, String.raw`sshd\[\d+\]: (?i)x|login <ip>`, '[a-z]+: x <ip>', 'failed for user: from <ip>', 'IPv6:<ip>,', 'rip:(?<ip>.*)$', 'rip:x <ip>'])('%s is tried on the lines of every program', (pattern) => {
    expect(compilePattern(pattern).program).toBeUndefined();
  });
});

describe('the original\'s form, a group named ip', () => {
  test.each(['(?<ip>[0-9.]+)', '(?P<ip>[0-9.]+)', String.raw`(?<ip>\d+(\.\d+){3})`, String.raw`(?<ip>(?:\d+\.){3}\d+)`, String.raw`(?<ip>\S+)`])('%s is the place of the address', (group) => {
    expect(found(`(from|by) ${group} (?<rest>.*)`, `from ${V4} x`)).toBe(V4);
  });
  test('what it captures must still be an address of its own', () => {
    expect(found(String.raw`from (?<ip>\S+)`, 'from host.example.net')).toBe('nobody');
    expect(found(String.raw`from (?<ip>[0-9.]+)`, `from ${V4}.example.net`)).toBe('nobody');
    expect(found(String.raw`from (?<ip>\d+\.\d+\.\d+\.\d+)`, `from ${V4}.example.net`)).toBe('nobody');
    expect(found(String.raw`from .*(?<ip>\d+\.\d+\.\d+\.\d+)$`, `from 11${V4}`)).toBe('nobody');
    expect(found('from (?<ip>.*)$', `from ${V4}, ${V4}`)).toBe('nobody');
  });
  test('and not the head of a longer one', () => {
    expect(found('from (?<ip>[0-9a-f]+::[0-9a-f]+)', 'from 2001::db8:5')).toBe('nobody');
    expect(found('from (?<ip>[0-9a-f]+::[0-9a-f]+)', 'from 2001::db8')).toBe('2001::db8');
  });
  test('other groups are no hindrance', () => {
    expect(found(String.raw`(a)(?<b>b)(?:c)(?i:D)(?<ip>[\d.]+)(e)$`, `abcd${V4}e`)).toBe('nobody');
    expect(found(String.raw`(a)(?<b>b)(?:c)(?i:D) (?<ip>[\d.]+) (e)$`, `abcd ${V4} e`)).toBe(V4);
  });
});

describe('what looks like <ip> or a group and is none', () => {
  test.each([
    ['a bracket in a class', String.raw`[(|)] from <ip>$`, `( from ${V4}`],
    ['a bracket first in a class', `[]x] from <ip>$`, `] from ${V4}`],
    ['a bracket first in a negated class', `[^]x] from <ip>$`, `y from ${V4}`],
    ['a named class', `[[:alpha:](] from <ip>$`, `( from ${V4}`],
    ['an escaped bracket in a class', String.raw`[\](] from <ip>$`, `( from ${V4}`],
    ['escaped brackets', String.raw`\(x\|y\) from <ip>$`, `(x|y) from ${V4}`],
    ['quoted text', String.raw`\Q(x|<ip>\E from <ip>$`, `(x|<ip> from ${V4}`],
    ['quoted text to the end', String.raw`from <ip> \Q(x|`, `from ${V4} (x|`],
    ['flags', '(?i)FROM <ip>$', `from ${V4}`],
    ['flags for a group', '(?i:FROM) <ip>$', `from ${V4}`],
    ['a brace that counts nothing', 'from{} <ip>$', `from{} ${V4}`],
    ['a character by its number', String.raw`\x{66}rom\x20<ip>$`, `from ${V4}`],
    ['a Unicode class', String.raw`\p{L}rom <ip>$`, `from ${V4}`],
  ])('%s', (_, pattern, line) => {
    expect(found(pattern, line)).toBe(V4);
  });
});

test('what stands in a class stays as the admin wrote it', () => {
  for (const pattern of ['[](|] from <ip>$', '[^](|x] from <ip>$', String.raw`[\](|] from <ip>$`, '[[:alpha:](] from <ip>$']) expect(found(pattern, `${pattern.startsWith('[^') ? '(' : '?'} from ${V4}`), pattern).toBeUndefined();
});

test('bytes that no program writes are found by `.` all the same', () => {
  for (const odd of ['\0', '\x01', '\x1b', '\r', '\x7f', '\u2028', '\ufeff', '\u{1f600}', '?']) expect(found('user .* from <ip>$', `user a${odd}b from ${V4}`)).toBe(V4);
});
