import { expect, test } from 'vitest';
import { formOf } from '../../../../packages/server/src/notify/webhook-forms.ts';
import { banNotice, HOSTILE, message } from '../../../support/notices.ts';

const hostile = message([banNotice({ reason: HOSTILE }, [HOSTILE, '</pre>&amp;'])]);
const long = message(Array.from({ length: 50 }, () => banNotice({}, Array.from({ length: 10 }, () => '<>&`'.repeat(125)))));
const field = (form: { readonly body: string }, name: string): string => String((JSON.parse(form.body) as Record<string, unknown>)[name]);

test('Slack: no mention, no link, no way out of the block of code', () => {
  const form = formOf('slack', hostile);
  const text = field(form, 'text');
  expect(text).toMatch(/^mail\.example\.org: banned 203\.0\.113\.7 in BLOCKER\n```\n/);
  expect(text).not.toMatch(/[<>]/);
  expect(text.match(/`+/g)).toEqual(['```', '```']);
  expect(text).toContain('&lt;!channel&gt; @everyone');
  expect(text).toContain('&lt;/pre&gt;&amp;amp;');
  expect(JSON.parse(form.body)).toMatchObject({ link_names: false, unfurl_links: false });
  expect(field(formOf('slack', long), 'text').length).toBeLessThan(40_000);
});

test('Discord: nobody is mentioned, whatever stands there, and it has the length that Discord takes', () => {
  const form = formOf('discord', hostile);
  expect(JSON.parse(form.body)).toMatchObject({ allowed_mentions: { parse: [] } });
  expect(field(form, 'content').match(/`+/g)).toEqual(['```', '```']);
  const content = field(formOf('discord', long), 'content');
  expect(content.length).toBeLessThanOrEqual(2000);
  expect(content).toMatch(/\n```$/);
});

test('ntfy: plain text that fits into one message, and a title that is a header', () => {
  const { body, headers } = formOf('ntfy', message([banNotice({}, Array.from({ length: 10 }, () => '\u20ac'.repeat(400)))]));
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4096);
  expect(headers['title']).toBe('mail.example.org: banned 203.0.113.7 in BLOCKER');
  expect(headers).not.toHaveProperty('priority');
  expect(formOf('ntfy', message([{ at: hostile.from, type: 'error', message: HOSTILE }])).headers).toMatchObject({ title: 'mail.example.org: something wants attention', priority: 'high' });
});

test('generic: everything, on one line', () => {
  const { body } = formOf('generic', hostile);
  expect(body).not.toMatch(/[\r\n\x1b]/);
  expect(JSON.parse(body)).toMatchObject({ events: [{ type: 'ban', at: '2026-01-02T03:04:05.678Z', until: '2026-01-02T04:04:05.678Z', isNew: true, lines: [HOSTILE, '</pre>&amp;'] }], whois: [] });
});
