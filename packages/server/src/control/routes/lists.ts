/** The lists of addresses that others keep. */
import { ApiError, toIso, type AddressList } from 'banban-shared';
import type { DaemonView } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';

const stampOf = (at: Parameters<typeof toIso>[0] | undefined): string | null => (at === undefined ? null : toIso(at));

/** A list as the API shows it. */
const listView = ({ name, kind, from, target, entries, skipped, fetchedAt, checkedAt, nextAt, error, warnings }: ReturnType<DaemonView['lists']['state']>[number]): AddressList => ({
  name, kind, from, target, entries, skipped, fetchedAt: stampOf(fetchedAt), checkedAt: stampOf(checkedAt), nextAt: stampOf(nextAt), error: error ?? null, warnings: [...warnings],
});

/** GET /v1/lists */
export const listsHandler: Handler<'lists'> = (daemon) => ({ lists: daemon.lists.state().map(listView) });

/** POST /v1/lists/refresh: answers when all have been fetched, or could not be. */
export const refreshListsHandler: Handler<'refreshLists'> = async (daemon, { body }) => {
  const known = daemon.lists.state().map(({ name }) => name);
  const strange = body.lists?.filter((name) => !known.includes(name)) ?? [];
  if (strange.length > 0) throw new ApiError('unknown_list', `there is no list ${strange.map((name) => JSON.stringify(name)).join(', ')}; ${known.length === 0 ? 'none is configured' : `configured are ${known.join(', ')}`}`, strange);
  const lists = await daemon.lists.refresh(body.lists, body.force === true);
  return { lists: lists.map(listView) };
};
