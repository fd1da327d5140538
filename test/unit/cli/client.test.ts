import { expect, test } from 'vitest';
import { connectToUrl } from '../../../src/cli/client.ts';
import { startFakeService } from './fake-service.ts';

test.each(['', '/', '/graphql', '/graphql/'])('the address may end with "%s"', async (end) => {
  await using service = await startFakeService({ root: { models: () => [] } });
  await using connection = connectToUrl({ url: service.url + end, apiKey: 'key' });
  expect(await connection.execute('{ models { name } }')).toEqual({ models: [] });
  expect(service.authorizations).toEqual(['Bearer key']);
  expect(connection.url).toBe(service.url);
});

test.each(['localhost:4000', 'ftp://localhost', 'nonsense'])('the address "%s" is refused with an example', (url) => {
  expect(() => connectToUrl({ url, apiKey: 'key' })).toThrow('such as http://127.0.0.1:4000');
});

test('a server that is not there is named, with what the system says', async () => {
  const service = await startFakeService({ root: {} });
  await service[Symbol.asyncDispose]();
  const connection = connectToUrl({ url: service.url, apiKey: 'key' });
  await expect(connection.execute('{ __typename }')).rejects.toThrow(
    new RegExp(`cannot reach ${service.url} .*ECONNREFUSED.*is the server running`, 'u'),
  );
});

test('something else than a Sluice server is recognised', async () => {
  await using service = await startFakeService({ root: {} });
  const connection = connectToUrl({ url: `${service.url}/elsewhere`, apiKey: 'key' });
  await expect(connection.execute('{ __typename }')).rejects.toThrow('HTTP 404');
});

test('an error of the service is a failure with its message', async () => {
  await using service = await startFakeService({
    root: {
      models: () => {
        throw new Error('The database does not answer.');
      },
    },
  });
  const connection = connectToUrl({ url: service.url, apiKey: 'key' });
  await expect(connection.execute('{ models { name } }')).rejects.toThrow('The database does not answer.');
});
