import type { Page, PageRequest } from '../contracts/stores/store.ts';
import { invalidInput } from '../domain/parse-input.ts';

const largestPage = 100;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** Reads one page of a store's list as a Relay connection. */
export async function paginate<Row extends { readonly id: string }>(
  args: PageArguments,
  list: (page: PageRequest<Row['id']>) => Promise<Page<Row>>,
) {
  const page = pageRequest<Row['id']>(args);
  const { rows, hasMore } = await list(page);
  const edges = rows.map((node) => ({ node, cursor: encodeCursor(node.id) }));
  const isForward = page.direction === 'forward';
  const startsInside = page.cursor !== undefined;
  return {
    edges,
    pageInfo: {
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
      hasNextPage: isForward ? hasMore : startsInside,
      hasPreviousPage: isForward ? startsInside : hasMore,
    },
  };
}

/** What one more row of a connection costs, for the complexity limit. */
export function pageComplexity({ first, last }: PageArguments) {
  return { field: 1, multiplier: Math.min(Math.max(first ?? last ?? 1, 1), largestPage) };
}

function pageRequest<RowId extends string>({ first, after, last, before }: PageArguments): PageRequest<RowId> {
  const isForward = typeof first === 'number';
  if (isForward === (typeof last === 'number')) throw invalidPage('first', 'give exactly one of first and last');
  const [limit, name, cursor, otherCursor] = isForward
    ? [first, 'first', after, before]
    : [last!, 'last', before, after];
  if (limit < 1 || limit > largestPage) throw invalidPage(name, `must be from 1 to ${largestPage}`);
  if (otherCursor != null) throw invalidPage(isForward ? 'before' : 'after', 'after goes with first, before with last');
  return {
    limit,
    direction: isForward ? 'forward' : 'backward',
    ...(cursor == null ? {} : { cursor: decodeCursor<RowId>(cursor, isForward ? 'after' : 'before') }),
  };
}

function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decodeCursor<RowId extends string>(cursor: string, name: string): RowId {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!uuid.test(id)) throw invalidPage(name, 'is not a cursor of this server');
  return id as RowId;
}

function invalidPage(name: string, message: string) {
  return invalidInput([{ path: [name], code: 'invalid_page', message }]);
}
