import type { Page, PageRequest } from '../contracts/stores/store.ts';
import { isPossibleId } from './rows.ts';

/** What a keyset page asks of the database: ids grow with time, so their order is the order of time. */
export interface Keyset {
  readonly orderBy: { readonly id: 'asc' | 'desc' };
  readonly take: number;
  readonly where: { readonly id?: { readonly lt: string } | { readonly gt: string } };
}

/** One statement per page, whatever it holds. */
export async function readPage<Row, Item>(
  request: PageRequest<string>,
  find: (keyset: Keyset) => Promise<readonly Row[]>,
  itemOf: (row: Row) => Item,
): Promise<Page<Item>> {
  const { direction, cursor } = request;
  if (cursor !== undefined && !isPossibleId(cursor)) return { rows: [], hasMore: false };
  const forward = direction === 'forward';
  const orderBy = { id: forward ? 'desc' : 'asc' } as const;
  const where = cursor === undefined ? {} : { id: forward ? { lt: cursor } : { gt: cursor } };
  return readRows(request, (take) => find({ where, orderBy, take }), itemOf);
}

/** The same for rows in another order than that of their ids; `find` gets how many are wanted, one more than the page holds. */
export async function readRows<Row, Item>(
  { limit, direction }: PageRequest<string>,
  find: (take: number) => Promise<readonly Row[]>,
  itemOf: (row: Row) => Item,
): Promise<Page<Item>> {
  const rows = await find(limit + 1);
  const page = rows.slice(0, limit).map(itemOf);
  return { rows: direction === 'forward' ? page : page.reverse(), hasMore: rows.length > limit };
}
