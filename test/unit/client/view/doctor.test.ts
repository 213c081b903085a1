import { describe, expect, test } from 'vitest';
import { canaryPage } from '../../../../packages/client/src/view/canary.ts';
import { doctorPage } from '../../../../packages/client/src/view/doctor.ts';
import { findingsPage, hasError } from '../../../../packages/client/src/view/findings.ts';
import { firewallText } from '../../../../packages/client/src/view/firewall.ts';
import { plain } from '../../../../packages/client/src/view/paint.ts';
import { some } from '../../../../packages/client/src/view/some.ts';
import { aCanary, aDoctor, aFinding } from '../../../support/answers.ts';

const list = { target: 'BLOCKER', backend: 'nftables', missing: [], missingCount: 0, foreign: [], foreignCount: 0 };

describe('findings', () => {
  test('are shown the gravest first, each with its list, its code and what heals it', () => {
    const findings = [
      aFinding({ severity: 'warning', code: 'not-saved', target: null, backend: null, message: 'the rules are gone after a reboot', remedy: 'set firewall: { manage: true }' }),
      aFinding(),
      aFinding({ code: 'rule-after-accept', backend: null, message: 'the rule stands after an accept' , remedy: 'put it first' }),
    ];
    expect(findingsPage(findings, plain)).toBe(`2 errors, 1 warning

ERROR    BLOCKER, xt_recent: no firewall rule looks at the list [no-rule]
         heal it: banctl firewall install

ERROR    BLOCKER: the rule stands after an accept [rule-after-accept]
         heal it: put it first

warning  the rules are gone after a reboot [not-saved]
         heal it: set firewall: { manage: true }`);
  });

  test('are none where there are none', () => {
    expect(findingsPage([], plain)).toBeUndefined();
  });

  test('are bad when one is an error', () => {
    expect(hasError([aFinding({ severity: 'warning' })])).toBe(false);
    expect(hasError([aFinding({ severity: 'warning' }), aFinding()])).toBe(true);
  });
});

describe('doctor', () => {
  test('says in one line that all is well, and of which lists', () => {
    expect(doctorPage(aDoctor(), plain)).toBe('All is well: BLOCKER, xt_recent holds all that is banned, and no firewall rule is missing.');
    expect(doctorPage(aDoctor({ targets: [list, { ...list, target: 'THROTTLE' }] }), plain)).toBe('All is well: BLOCKER, nftables; THROTTLE, nftables hold all that is banned, and no firewall rule is missing.');
    expect(doctorPage(aDoctor({ targets: [] }), plain)).toMatch(/^All is well: there is no list/);
  });

  test('shows what differs: what is not in the list, and what somebody else put there', () => {
    const missing = ['203.0.113.7', '203.0.113.9'];
    const foreign = Array.from({ length: 100 }, (_, i) => `198.51.100.${i}`);
    expect(doctorPage(aDoctor({ targets: [{ ...list, missing, missingCount: 2, foreign, foreignCount: 120 }] }), plain)).toBe(`banned, and not in the list
  ! BLOCKER, nftables: 203.0.113.7, 203.0.113.9
    heal it: banctl reconcile

in the list, and not banban's (left alone; banctl ban takes over)
    BLOCKER, nftables: 198.51.100.0, 198.51.100.1, 198.51.100.2, 198.51.100.3, 198.51.100.4 and 115 more`);
  });

  test('leaves the healing to the finding that says why a list lacks something', () => {
    const answer = aDoctor({ findings: [aFinding({ backend: 'nftables', code: 'list-full' })], targets: [{ ...list, missing: ['203.0.113.7'], missingCount: 1 }] });
    expect(doctorPage(answer, plain)).not.toContain('banctl reconcile');
  });

  test('is well with rows of others, and shows them', () => {
    const page = doctorPage(aDoctor({ targets: [{ ...list, foreign: ['198.51.100.1'], foreignCount: 1 }] }), plain);
    expect(page).toMatch(/^All is well: .*\n\nin the list, and not banban's/);
  });
});

test('of many addresses a few are named, and the others counted', () => {
  expect(some(['a', 'b'], 2)).toBe('a, b');
  expect(some(['a', 'b', 'c', 'd', 'e'], 5)).toBe('a, b, c, d, e');
  expect(some(['a', 'b', 'c', 'd', 'e', 'f'], 12_345)).toBe('a, b, c, d, e and 12,340 more');
  expect(some([], 3)).toBe('3 more');
});

describe('the canary', () => {
  test('that came back shows each step with its time', () => {
    expect(canaryPage(aCanary(), plain)).toBe(`canary 192.0.2.66 in BLOCKER
  STEP                TOOK
  sent to syslog   0.21 ms  /dev/log
  received back    1.34 ms  /run/banban/log.sock
  in the database  0.52 ms  ban 8
  in the kernel    0.04 ms  xt_recent
  out again        0.90 ms
It came back: from the log line to the kernel and out again in 3.01 ms.`);
  });

  test('that did not shows how far it came, and why no further', () => {
    const steps = aCanary().steps.slice(0, 1);
    expect(canaryPage(aCanary({ ok: false, steps, problem: 'the line did not come back within 10 s' }), plain)).toBe(`canary 192.0.2.66 in BLOCKER
  STEP               TOOK
  sent to syslog  0.21 ms  /dev/log
IT DID NOT COME BACK: the line did not come back within 10 s`);
    expect(canaryPage(aCanary({ ok: false, address: '', steps: [], problem: null }), plain)).toBe('canary in BLOCKER\nIT DID NOT COME BACK: banband does not say why');
  });
});

test('rules as text keep their lines and tabs, and what banctl adds is a comment', () => {
  const text = 'table inet banban {\n\tset BLOCKER_v4 { }\n}\n';
  expect(firewallText({ managed: false, text })).toBe('table inet banban {\n\tset BLOCKER_v4 { }\n}');
  expect(firewallText({ managed: true, text: 'a\x1b[2J\n' })).toMatch(/^# There is nothing to do: banband puts these rules in itself, .*\na\\x1b\[2J$/);
});
