import { exitCodes } from '../exit.ts';
import { nearest } from '../nearest.ts';
import { EXPORT_FORMATS, exportText, isExportFormat } from '../view/export.ts';
import { printable } from '../view/printable.ts';
import type { Command } from './command.ts';

/** `banctl export [--format plain|nft|csv|json] [--target T]`; `export` is a word of the language, hence the name. */
export const exportBans: Command = {
  verb: 'export',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'the active bans as a file: plain, for nft -f, CSV or JSON',
  options: ['format', 'target'],
  timeoutSeconds: 60,
  examples: [
    ['banctl export > addresses.txt', 'addresses and networks, one a line'],
    ['banctl export --format json > bans.json', 'with all that banctl import needs'],
    ['banctl export --format nft | nft -f -', 'sets for rules of your own'],
  ],
  check({ format }) {
    if (format === undefined || isExportFormat(format)) return undefined;
    const meant = nearest(format, EXPORT_FORMATS);
    return `--format takes plain, nft, csv or json, and not "${printable(format, 80)}"${meant === undefined ? '.' : `; did you mean "${meant}"?`}`;
  },
  async run(context, { format, target }) {
    const { value, text } = await context.client.call('bans', { query: { ...(target !== undefined && { target }) } });
    if (context.json) context.body(text);
    else {
      const shown = exportText(value.bans, format !== undefined && isExportFormat(format) ? format : 'plain');
      if (shown !== '') context.answer(shown);
    }
    return exitCodes.done;
  },
};
