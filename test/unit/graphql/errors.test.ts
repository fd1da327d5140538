import { GraphQLError, parse, validate } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { DomainError } from '../../../src/contracts/errors.ts';
import type { Logger } from '../../../src/contracts/logger.ts';
import { StoreUnavailableError } from '../../../src/contracts/stores/store.ts';
import { maskError } from '../../../src/graphql/errors.ts';
import { codesOf, fakeServices, query, schema } from './fixtures.ts';

function mask(error: unknown) {
  const logged: object[] = [];
  const logger: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => logged.push(fields) };
  return { masked: maskError(error, 'request-1', logger), logged };
}

describe('maskError', () => {
  it('shows a bug as nothing but a request id, and logs it once under that id', () => {
    const bug = new TypeError('password is hunter2');
    const wrapped = new GraphQLError(bug.message, { originalError: bug, path: ['viewer', 'limits'] });
    const { masked, logged } = mask(wrapped);
    expect(JSON.stringify(masked)).not.toContain('hunter2');
    expect(masked.originalError).toBeUndefined();
    expect(masked.toJSON()).toMatchObject({
      path: ['viewer', 'limits'],
      extensions: { code: 'INTERNAL', requestId: 'request-1' },
    });
    expect(logged).toEqual([{ err: bug, requestId: 'request-1', path: 'viewer.limits' }]);
  });

  it('shows a DomainError with its code and facts, however deep it is wrapped, and logs nothing', () => {
    const error = new DomainError('QUOTA_EXCEEDED', 'used up', { limit: 2n ** 60n, retryAfterSeconds: 5 });
    const once = new GraphQLError(error.message, { originalError: error });
    const { masked, logged } = mask(new GraphQLError(error.message, { originalError: once }));
    expect(masked.toJSON()).toMatchObject({
      message: 'used up',
      extensions: { code: 'QUOTA_EXCEEDED', limit: '1152921504606846976', retryAfterSeconds: 5 },
    });
    expect(logged).toEqual([]);
  });

  it('shows a database that is away as OVERLOADED, to be tried again', () => {
    const { masked } = mask(new StoreUnavailableError('connect ECONNREFUSED 10.0.0.1'));
    expect(masked.extensions).toEqual({ code: 'OVERLOADED', retryAfterSeconds: 5 });
    expect(masked.message).not.toContain('10.0.0.1');
  });

  it('keeps what GraphQL itself says of a wrong request, and its extensions', () => {
    const [invalid] = validate(schema, parse('{ viewer { nonsense } }'));
    const { masked, logged } = mask(invalid);
    expect(masked.toJSON()).toMatchObject({ message: invalid!.message, locations: [{ line: 1, column: 12 }] });
    expect(masked.extensions.code).toBe('INVALID_INPUT');
    expect(mask(new GraphQLError('m', { extensions: { code: 'C', http: { status: 405 } } })).masked.extensions).toEqual(
      {
        code: 'C',
        http: { status: 405 },
      },
    );
    expect(logged).toEqual([]);
  });

  it('cuts what GraphQL quotes of a wrong request', () => {
    const { masked } = mask(new GraphQLError(`Variable got ${'x'.repeat(100_000)}; it is no Int.`));
    expect(masked.message).toMatch(/^Variable got x+ … x+; it is no Int\.$/u);
    expect(masked.message.length).toBeLessThan(1_010);
  });

  it('does not take a caller that left for a bug', () => {
    const { masked, logged } = mask(AbortSignal.abort().reason);
    expect(masked.extensions.code).toBe('CANCELLED');
    expect(logged).toEqual([]);
  });
});

it('a wrong report is a top-level INVALID_INPUT with its issues', async () => {
  const issues = [{ path: ['before'], code: 'empty_range', message: 'must lie after from' }];
  const services = fakeServices({
    usage: { report: () => Promise.reject(new DomainError('INVALID_INPUT', 'before: …', { issues })) },
  });
  const range = 'range: { from: "2026-01-02T00:00:00Z", before: "2026-01-01T00:00:00Z" }';
  const { errors } = await query(`{ usage(input: { ${range} }) { currency } }`, { services });
  expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'INVALID_INPUT', issues }]);
});

it('an operation that is too deep or too wide is refused before anything is resolved', async () => {
  const list = vi.fn(async () => ({ rows: [], hasMore: false }));
  const services = fakeServices({ completions: { list } });
  const page = (body: string) => `completions(first: 100) { edges { node { ${body} } } }`;
  const wide = Array.from({ length: 20 }, (_, i) => `a${i}: ${page('id status mode model createdAt usage { cost }')}`);
  expect(await codesOf(`{ ${wide.join(' ')} }`, { services })).toContain('INVALID_INPUT');
  expect(await codesOf(`{ ${page('id status mode model createdAt usage { cost }')} }`, { services })).toEqual([]);
  expect(list).toHaveBeenCalledTimes(1);
});
