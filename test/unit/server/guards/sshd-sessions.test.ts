import { describe, expect, test } from 'vitest';
import { readTitle } from '../../../../packages/server/src/guards/sshd-sessions.ts';

describe('the title of an sshd', () => {
  test('that serves somebody names user and terminals', () => {
    expect(readTitle('sshd: anna@pts/0')).toEqual({ user: 'anna', terminals: ['pts/0'] });
    expect(readTitle('sshd-session: root@pts/0,pts/12')).toEqual({ user: 'root', terminals: ['pts/0', 'pts/12'] });
    expect(readTitle('sshd: anna@notty')).toEqual({ user: 'anna', terminals: [] });
    expect(readTitle('sshd: anna')).toEqual({ user: 'anna', terminals: [] });
    expect(readTitle('sshd: anna@corp.example@pts/1')).toEqual({ user: 'anna@corp.example', terminals: ['pts/1'] });
    expect(readTitle('sshd: anna@corp.example')).toEqual({ user: 'anna@corp.example', terminals: [] });
  });

  test('that waits for a login, whatever name the far side gave, is none', () => {
    for (const title of [
      'sshd: [accepted]', 'sshd: [net]', 'sshd: unknown [net]', 'sshd: anna [priv]', 'sshd-session: root [priv]', 'sshd-auth: anna [net]', 'sshd: anna@pts/0 [priv]', 'sshd: anna [pam]',
      'sshd: anna [preauth]', 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', '/usr/sbin/sshd -D -R', 'sshd', '', 'bash', 'xsshd: anna@pts/0',
    ]) expect(readTitle(title), title).toBeUndefined();
  });
});
