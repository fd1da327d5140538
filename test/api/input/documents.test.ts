import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('a document', () => {
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    app = await startApp({ inference: createScriptedInference() });
    client = await app.newClient();
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it('that is large is not kept', async () => {
    const sendLarge = async (index: number) => {
      const comment = `# ${index} ${'x'.repeat(4_000_000)}`;
      expect(await client.execute(`${comment}\n{ __typename }`)).toEqual({ __typename: 'Query' });
      expect((await client.request(`${comment}\n{ nothing }`)).errors).toHaveLength(1);
      expect((await client.request(`${comment}\n{ nothing`)).errors).toHaveLength(1);
    };
    const heapAfterCollection = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    await sendLarge(0);
    const before = heapAfterCollection();
    for (let index = 1; index <= 6; index++) await sendLarge(index);
    expect(heapAfterCollection() - before).toBeLessThan(20_000_000);
  });

  it.each([
    ['too many tokens', `{ ${'a '.repeat(10_000)} }`, /over 10000 tokens/u],
    ['too deep a nesting', `${'{ viewer '.repeat(5_000)}${'}'.repeat(5_000)}`, /over 100 levels/u],
  ])('with %s is refused by every transport, as INVALID_INPUT', async (_case, document, message) => {
    const refused = { message: expect.stringMatching(message), extensions: { code: 'INVALID_INPUT' } };
    const post = (accept: string) =>
      fetch(client.endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query: document }),
      });
    const answer = await post('application/graphql-response+json');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [refused] });
    expect(await (await post('text/event-stream')).text()).toMatch(message);
    const overSocket = async () => {
      for await (const _ of client.subscribe(document));
    };
    await expect(overSocket()).rejects.toMatchObject([refused]);
    expect(app.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is validated the same however often it comes', async () => {
    for (let round = 0; round < 3; round++) {
      const { errors } = await client.request('{ nothing }');
      expect(errors).toMatchObject([
        { message: 'Cannot query field "nothing" on type "Query".', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
      ]);
      expect(await client.execute('{ viewer { scopes } }')).toEqual({ viewer: { scopes: ['COMPLETIONS'] } });
    }
  });
});
