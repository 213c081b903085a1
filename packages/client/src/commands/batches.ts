/** One command over many requests. */
import type { Context } from '../context.ts';

/**
 * Asks for each part in turn and joins the lists. When a later one fails, what was done before it is still shown: the
 * daemon keeps it.
 *
 * @param ask one request: its list and its body as it came
 * @param show is given the whole list, and the body to print with --json
 * @throws what `ask` throws, after `show`
 */
export async function inBatches<Part, Item, Shown>(
  context: Context,
  key: string,
  parts: readonly Part[],
  ask: (part: Part) => Promise<{ readonly items: readonly Item[]; readonly text: string }>,
  show: (items: readonly Item[]) => Shown,
): Promise<Shown> {
  const items: Item[] = [];
  const texts: string[] = [];
  const finish = (): Shown => {
    const only = texts.length === 1 ? texts[0] : undefined;
    if (context.json) context.body(only ?? JSON.stringify({ [key]: items }));
    return show(items);
  };
  for (const part of parts) {
    try {
      const answer = await ask(part);
      for (const item of answer.items) items.push(item);
      texts.push(answer.text);
    } catch (error) {
      if (texts.length > 0) finish();
      throw error;
    }
  }
  return finish();
}
