/** The requests that the far sides of webhooks understand. In each, what comes from a log is quoted so that it can be nothing but text. */
import type { WebhookFormat } from '../config/notify.ts';
import { cut } from './batch.ts';
import { messageJson } from './message-json.ts';
import type { Message } from './receiver.ts';
import { bodyOf, isGrave, subjectOf } from './wording.ts';

/** The body of a POST, and the headers that go with it. */
export interface Form {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const JSON_TYPE = { 'content-type': 'application/json' } as const;

/** Slack takes 40,000 characters and shows 4,000 at once; escaped, one may be five. */
const SLACK_LONGEST = 3000;
/** Discord refuses a message of more than 2,000 characters. */
const DISCORD_LONGEST = 1700;
/** ntfy makes an attachment of what has more than 4,096 bytes; a character has at most three here. */
const NTFY_LONGEST = 1300;

/** Nothing in it can end a block of code. */
const inBlock = (text: string): string => text.replaceAll('`', "'");

/** These three are all that Slack's own text has; `<` begins its mentions and links. */
const slackEscaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const titleOf = (message: Message): string => `${message.host}: ${subjectOf(message)}`;

const forms: { readonly [F in WebhookFormat]: (message: Message) => Form } = {
  generic: (message) => ({ body: messageJson(message), headers: JSON_TYPE }),

  slack(message) {
    const text = slackEscaped(`${inBlock(titleOf(message))}\n\`\`\`\n${inBlock(bodyOf(message, SLACK_LONGEST))}\n\`\`\``);
    return { body: JSON.stringify({ text, link_names: false, unfurl_links: false, unfurl_media: false }), headers: JSON_TYPE };
  },

  discord(message) {
    const content = `${cut(inBlock(titleOf(message)), 200)}\n\`\`\`\n${inBlock(bodyOf(message, DISCORD_LONGEST))}\n\`\`\``;
    // Nobody is called by it, whatever stands there; 4 is SUPPRESS_EMBEDS.
    return { body: JSON.stringify({ content, allowed_mentions: { parse: [] }, flags: 4 }), headers: JSON_TYPE };
  },

  ntfy: (message) => ({
    body: bodyOf(message, NTFY_LONGEST),
    headers: { 'content-type': 'text/plain; charset=utf-8', title: titleOf(message), ...(isGrave(message) && { priority: 'high' }) },
  }),
};

/** The request that tells `message` in a format. */
export const formOf = (format: WebhookFormat, message: Message): Form => forms[format](message);
