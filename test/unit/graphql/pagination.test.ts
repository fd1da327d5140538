import { describe, expect, it } from 'vitest';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { PageRequest } from '../../../src/contracts/stores/store.ts';
import { answer, codesOf, completionId, completionWith, fakeServices } from './fixtures.ts';

function services(hasMore: boolean, ...numbers: number[]) {
  const requests: PageRequest<CompletionId>[] = [];
  const rows = numbers.map((number) => completionWith({ id: completionId(number) }));
  const list = async (_principal: unknown, _filter: unknown, page: PageRequest<CompletionId>) => {
    requests.push(page);
    return { rows, hasMore };
  };
  return { requests, services: fakeServices({ completions: { list } }) };
}

const page = (args: string) =>
  `{ completions(${args}) { edges { cursor node { id } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }`;
const cursor = (number: number) => Buffer.from(completionId(number)).toString('base64url');

describe('a connection', () => {
  it('reads forward from the newest, and on behind a cursor', async () => {
    const first = services(true, 9, 8);
    expect((await answer(page('first: 2'), first)).completions).toMatchObject({
      edges: [{ cursor: cursor(9) }, { cursor: cursor(8) }],
      pageInfo: { startCursor: cursor(9), endCursor: cursor(8), hasNextPage: true, hasPreviousPage: false },
    });
    const second = services(false, 7);
    expect((await answer(page(`first: 2, after: "${cursor(8)}"`), second)).completions).toMatchObject({
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
    expect(first.requests).toEqual([{ limit: 2, direction: 'forward' }]);
    expect(second.requests).toEqual([{ limit: 2, direction: 'forward', cursor: completionId(8) }]);
  });

  it('reads backward before a cursor', async () => {
    const { requests, ...caller } = services(true, 9, 8);
    expect((await answer(page(`last: 2, before: "${cursor(7)}"`), caller)).completions).toMatchObject({
      pageInfo: { hasNextPage: true, hasPreviousPage: true },
    });
    expect(requests).toEqual([{ limit: 2, direction: 'backward', cursor: completionId(7) }]);
  });

  it('has no cursors where it is empty', async () => {
    expect((await answer(page('first: 1'), services(false))).completions).toEqual({
      edges: [],
      pageInfo: { startCursor: null, endCursor: null, hasNextPage: false, hasPreviousPage: false },
    });
  });

  it.each([
    ['no size', 'filter: null'],
    ['two sizes', 'first: 1, last: 1'],
    ['a size of 0', 'first: 0'],
    ['a negative size', 'last: -1'],
    ['a size over 100', 'first: 101'],
    ['a cursor of the other direction', `first: 1, before: "${cursor(7)}"`],
    ['a cursor of the other direction', `last: 1, after: "${cursor(7)}"`],
    ['a made-up cursor', 'first: 1, after: "nonsense"'],
  ])('refuses %s as INVALID_INPUT', async (_what, args) => {
    const { requests, ...caller } = services(false);
    expect(await codesOf(page(args), caller)).toEqual(['INVALID_INPUT']);
    expect(requests).toEqual([]);
  });
});
