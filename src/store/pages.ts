import type { Page, PageRequest } from '../contracts/stores/store.ts';
import { isPossibleId } from './rows.ts';

/** What a keyset page asks of the database: ids grow with time, so their order is the order of time. */
export interface Keyset {
  readonly orderBy: { readonly id: 'asc' | 'desc' };
  /** One more than the page holds, to see whether there are more. */
  readonly take: number;
  readonly where: { readonly id?: { readonly lt: string } | { readonly gt: string } };
}

export function keyset({ limit, direction, cursor }: PageRequest<string>): Keyset {
  const forward = direction === 'forward';
  return {
    orderBy: { id: forward ? 'desc' : 'asc' },
    take: limit + 1,
    where: cursor === undefined ? {} : { id: forward ? { lt: cursor } : { gt: cursor } },
  };
}

/** One statement per page, whatever it holds. */
export async function readPage<Row, Item>(
  request: PageRequest<string>,
  find: (keyset: Keyset) => Promise<readonly Row[]>,
  itemOf: (row: Row) => Item,
): Promise<Page<Item>> {
  if (request.cursor !== undefined && !isPossibleId(request.cursor)) return { rows: [], hasMore: false };
  const rows = await find(keyset(request));
  const page = rows.slice(0, request.limit).map(itemOf);
  return { rows: request.direction === 'forward' ? page : page.reverse(), hasMore: rows.length > request.limit };
}
