import fc from 'fast-check';
import {
  type ExecutionArgs,
  execute,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import type { ChoiceDelta } from '../../../src/contracts/inference.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import type { GraphqlContext } from '../../../src/graphql/context.ts';
import { createPlainReader } from '../../../src/graphql/plain-fields.ts';
import { createSchema } from '../../../src/graphql/schema.ts';
import { completionId, fakeServices, globalId, principalWith } from './fixtures.ts';

const schema = createSchema();

function argsOf(document: string, variableValues: ExecutionArgs['variableValues'] = {}): ExecutionArgs {
  const contextValue: GraphqlContext = {
    principal: principalWith('COMPLETIONS'),
    services: fakeServices(),
    requestId: 'request',
    signal: new AbortController().signal,
  };
  return { schema, document: parse(document), variableValues, contextValue };
}

const owned = (event: LogEvent) => ({
  ...event,
  completionId: completionId(),
  globalId: globalId('Completion', completionId()),
});

/** What the executor answers, as a client gets it. */
const executed = async (args: ExecutionArgs, event: unknown) =>
  JSON.stringify(await execute({ ...args, rootValue: event }));

const fieldsByType = {
  CompletionEvent: ['__typename', 'completionId', 'seq', 'at'],
  CompletionQueued: ['__typename', 'seq', 'position', 'estimatedWaitSeconds'],
  CompletionDelta: ['__typename', 'completionId', 'at', 'text', 'choices'],
  ChoiceDelta: ['__typename', 'index', 'text', 'finishReason', 'stopSequence'],
} as const;
type TypeName = keyof typeof fieldsByType;
const eventTypes = ['CompletionEvent', 'CompletionQueued', 'CompletionDelta'] as const satisfies TypeName[];

const directive = fc.constantFrom(
  '',
  '',
  '@include(if: $yes)',
  '@skip(if: $yes)',
  '@include(if: $no)',
  '@skip(if: false)',
);
const aliasOf = (field: string) => fc.constantFrom('', '', `first_${field}:`, `second_${field}:`);

/** Anything that one may select of a type: fields under aliases, more than once, in fragments, with directives. */
const { selection } = fc.letrec<Record<'selection' | TypeName, string>>((tie) => {
  const fieldOf = (type: TypeName) =>
    fc
      .constantFrom(...fieldsByType[type])
      .chain((field) =>
        fc
          .tuple(
            aliasOf(field),
            fc.constant(field),
            directive,
            field === 'choices' ? tie('ChoiceDelta') : fc.constant(''),
          )
          .map((parts) => parts.join(' ')),
      );
  const fragmentOf = (on: TypeName) =>
    fc.tuple(fc.constant(`... on ${on}`), directive, tie(on)).map((parts) => parts.join(' '));
  const spread = fc.constantFrom('...delta', '...any');
  const setOf = (type: TypeName, ...others: fc.Arbitrary<string>[]) =>
    fc
      .array(fc.oneof(fieldOf(type), ...others), { minLength: 1, maxLength: 6 })
      .map((parts) => `{ ${parts.join('\n')} }`);
  return {
    selection: tie('CompletionEvent') as fc.Arbitrary<string>,
    CompletionEvent: setOf('CompletionEvent', spread, ...eventTypes.map(fragmentOf)),
    CompletionQueued: setOf('CompletionQueued', spread),
    CompletionDelta: setOf('CompletionDelta', spread, fragmentOf('CompletionEvent')),
    ChoiceDelta: setOf('ChoiceDelta', fragmentOf('ChoiceDelta')),
  };
});

const choice: fc.Arbitrary<ChoiceDelta> = fc.record(
  {
    index: fc.nat(16),
    text: fc.string({ unit: 'grapheme' }),
    tokens: fc.nat(9),
    finishReason: fc.constantFrom('STOP' as const, 'STOP_SEQUENCE' as const, 'LENGTH' as const),
    stopSequence: fc.string(),
  },
  { requiredKeys: ['index', 'text', 'tokens'] },
);
const seq = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const at = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') });
const event: fc.Arbitrary<LogEvent> = fc.oneof(
  fc.record({ type: fc.constant('delta' as const), seq, at, choices: fc.array(choice, { maxLength: 3 }) }),
  fc.record({
    type: fc.constant('queued' as const),
    seq,
    at,
    position: fc.nat(1_000),
    estimatedWaitSeconds: fc.option(fc.float({ noNaN: true, noDefaultInfinity: true, min: 0 })),
  }),
);

const documentOf = (selected: string) => `
  subscription ($id: ID, $yes: Boolean!, $no: Boolean = false) { events: completionEvents(id: $id) ${selected} }
  fragment delta on CompletionDelta { delta_text: text choices { index ...gain } }
  fragment gain on ChoiceDelta { gained: text finishReason }
  fragment any on CompletionEvent { any_seq: seq ... @include(if: $yes) { any_at: at } }`;

describe('plain fields', () => {
  it('are read as the executor reads them, whatever is selected', () =>
    fc.assert(
      fc.asyncProperty(
        selection,
        fc.boolean(),
        fc.boolean(),
        fc.array(event, { minLength: 1, maxLength: 4 }),
        async (...drawn) => {
          const [selected, yes, no, events] = drawn;
          const args = argsOf(documentOf(selected), { yes, no });
          fc.pre(validate(schema, args.document).every(({ message }) => /is never used/u.test(message)));
          const read = createPlainReader(args);
          for (const each of events) expect(JSON.stringify(read(owned(each)))).toBe(await executed(args, owned(each)));
        },
      ),
      { numRuns: 150 },
    ));

  const delta: LogEvent = { type: 'delta', seq: 4, at: new Date(), choices: [{ index: 0, text: 'a', tokens: 1 }] };

  it('leave to the executor what looks something up, and only that', () => {
    const read = createPlainReader(
      argsOf('subscription { completionEvents(id: "x") { seq ... on CompletionFinished { completion { id } } } }'),
    );
    const usage = { promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1 };
    expect(read(owned({ type: 'finished', seq: 5, at: new Date(), usage }))).toBeUndefined();
    expect(read(owned(delta))).toEqual({ data: { completionEvents: { seq: 4 } } });
  });

  it('leave to the executor what has an error to tell', async () => {
    const args = argsOf('subscription { completionEvents(id: "x") { seq } }');
    const beyondInt = owned({ ...delta, seq: 2 ** 31 });
    expect(createPlainReader(args)(beyondInt)).toBeUndefined();
    expect(await executed(args, beyondInt)).toContain('cannot represent');
  });

  it('leave to the executor a name that is no property', async () => {
    const args = argsOf('subscription { completionEvents(id: "x") { __proto__: seq } }');
    expect(createPlainReader(args)(owned(delta))).toBeUndefined();
    expect(await executed(args, owned(delta))).toContain('"__proto__":4');
  });

  it('have no access rules of their own, which nobody would ask', () => {
    const types = ['CompletionEvent', 'CompletionQueued', 'CompletionDelta', 'ChoiceDelta'];
    const options = types.flatMap((name) => {
      const type = schema.getType(name) as GraphQLObjectType | GraphQLInterfaceType;
      return [type, ...Object.values(type.getFields())].map(({ extensions }) => extensions.pothosOptions as object);
    });
    expect(options.length).toBeGreaterThan(15);
    for (const each of options) expect(Object.keys(each)).not.toContain('authScopes');
  });

  it('leave to the executor what is not plain at all, and variables that do not fit', () => {
    const pool = argsOf('subscription { poolEvents { __typename } }');
    expect(createPlainReader(pool)({ type: 'replica' })).toBeUndefined();
    const unfit = argsOf('subscription ($yes: Boolean!) { completionEvents(id: "x") { seq @skip(if: $yes) } }');
    expect(createPlainReader(unfit)(owned(delta))).toBeUndefined();
  });
});
