import { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { plain } from '../../../src/graphql/plain-fields.ts';
import { type OperationContext, openOperation } from '../../../src/http/operation.ts';
import { silentLog } from '../../kit/database.ts';
import { fakeServices } from '../graphql/fixtures.ts';

/** A subscription to numbers that tells how each was read: by the executor, or plainly. */
function subscribeTo(numbers: readonly number[], refuses: (number: number) => boolean = () => false) {
  const ways: string[] = [];
  const read = plain((number: number) => {
    ways.push('plainly');
    return number;
  });
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { ok: { type: GraphQLInt } } }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: {
        number: {
          type: new GraphQLNonNull(GraphQLInt),
          subscribe: async function* () {
            yield* numbers;
          },
          ...read,
          resolve(number: number) {
            ways.push('executed');
            if (refuses(number)) throw new Error('refused');
            return number;
          },
        },
      },
    }),
  });
  const leaving = new AbortController();
  const contextValue: OperationContext = {
    principal: null,
    services: fakeServices(),
    requestId: 'request',
    signal: leaving.signal,
    leaving,
  };
  const args = { schema, document: parse('subscription { number }'), contextValue };
  const show = ({ data, errors }: { data?: object | null; errors?: readonly unknown[] }) => data ?? errors?.length;
  return { ways, results: openOperation({ args, type: 'subscription', show, logger: silentLog }) };
}

describe('an operation', () => {
  it('executes its first event, and reads those after it plainly', async () => {
    const { ways, results } = subscribeTo([1, 2, 3]);
    const shown = [];
    for await (const result of results) shown.push(result);
    expect(shown).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }]);
    expect(ways).toEqual(['executed', 'plainly', 'plainly']);
  });

  it('executes every event for as long as it is refused', async () => {
    const { ways, results } = subscribeTo([1, 2, 3, 4], (number) => number < 3);
    const shown = [];
    for await (const result of results) shown.push(result);
    expect(shown).toEqual([1, 1, { number: 3 }, { number: 4 }]);
    expect(ways).toEqual(['executed', 'executed', 'executed', 'plainly']);
  });
});
