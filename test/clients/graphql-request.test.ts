import { ClientError, GraphQLClient } from 'graphql-request';
import { expect, it } from 'vitest';
import { createDocument } from '../kit/completions.ts';
import { endpoint, newKey } from './service.ts';

const input = { model: 'default', prompt: 'Once upon a time', maxTokens: 4 };

it('graphql-request completes, and reads a typed refusal as data', async () => {
  const { authorization } = await newKey();
  const client = new GraphQLClient(endpoint, { headers: { authorization } });
  expect(await client.request(createDocument, { input })).toMatchObject({
    createCompletion: { __typename: 'CreateCompletionPayload', completion: { status: 'SUCCEEDED' } },
  });
  expect(await client.request(createDocument, { input: { ...input, temperature: 3 } })).toMatchObject({
    createCompletion: { __typename: 'InvalidInputError', code: 'INVALID_INPUT', issues: [{ path: ['temperature'] }] },
  });
});

it('graphql-request throws a top-level error with its code', async () => {
  const refused = new GraphQLClient(endpoint).request('{ models { name } }');
  await expect(refused).rejects.toBeInstanceOf(ClientError);
  await expect(refused).rejects.toMatchObject({
    response: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
  });
});
