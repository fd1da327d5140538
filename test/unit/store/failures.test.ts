import { expect, test } from 'vitest';
import { StoreUnavailableError } from '../../../src/contracts/stores/store.ts';
import { asUnavailable, namingUnavailability } from '../../../src/store/failures.ts';

const failure = (message: string, fields: object = {}) => Object.assign(new Error(message), fields);

test.each([
  ['a refused connection', failure('connect ECONNREFUSED 127.0.0.1:5432', { code: 'ECONNREFUSED' })],
  ['a host whose addresses all refuse', failure('', { errors: [failure('', { code: 'ECONNREFUSED' })] })],
  ['a connection that broke', failure('Connection terminated unexpectedly')],
  ['no connection in time', failure('timeout exceeded when trying to connect')],
  [
    'a server that shuts down',
    failure('Prisma says', { meta: { driverAdapterError: { cause: { originalCode: '57P01' } } } }),
  ],
  [
    'a disk that is full',
    failure('Prisma says', { meta: { driverAdapterError: { cause: { originalCode: '53100' } } } }),
  ],
  ['a deadlock that was broken', failure('Prisma says', { code: 'P2034' })],
  ['a wrapped one', failure('outer', { cause: failure('inner', { code: '08006' }) })],
])('%s is the database being away', (_name, error) => {
  const unavailable = asUnavailable(error, 'db.example:5432/sluice');
  expect(unavailable).toBeInstanceOf(StoreUnavailableError);
  expect(unavailable?.message).toMatch(/^the database \(db\.example:5432\/sluice\) does not answer: /);
  expect(unavailable?.cause).toBe(error);
});

test.each([
  [failure('Connection terminated unexpectedly'), true],
  [failure('read ECONNRESET', { code: 'ECONNRESET' }), true],
  [failure('Prisma says', { meta: { driverAdapterError: { cause: { kind: 'SocketTimeout' } } } }), true],
  [failure('connect ECONNREFUSED', { code: 'ECONNREFUSED' }), false],
  [failure('Connection terminated due to connection timeout'), false],
  [failure('timeout exceeded when trying to connect'), false],
])('%s may have lost an answer: %s', (error, answerLost) => {
  expect(asUnavailable(error, 'db')).toMatchObject({ answerLost });
});

test.each([
  [
    'a broken rule',
    failure('Unique constraint failed', {
      code: 'P2002',
      meta: { driverAdapterError: { cause: { originalCode: '23505' } } },
    }),
  ],
  ['a bug', new TypeError('x is not a function')],
  ['no error at all', 'text'],
])('%s is not', (_name, error) => {
  expect(asUnavailable(error, 'db')).toBeUndefined();
});

test('methods pass their results and every other error as they are', async () => {
  const bug = new TypeError('bug');
  const methods = namingUnavailability(
    {
      add: async (a: number, b: number) => a + b,
      break: async () => {
        throw bug;
      },
      lose: async () => {
        throw failure('', { code: 'ECONNRESET' });
      },
    },
    'db',
  );
  expect(await methods.add(1, 2)).toBe(3);
  await expect(methods.break()).rejects.toBe(bug);
  await expect(methods.lose()).rejects.toBeInstanceOf(StoreUnavailableError);
});
