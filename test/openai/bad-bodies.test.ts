import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { startApp } from '../kit/app.ts';
import { createCheckedFetch } from './document-check.ts';

const sampling = {
  max_tokens: 2,
  temperature: 0.5,
  top_p: 0.9,
  n: 1,
  stop: ['\n'],
  seed: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  logit_bias: { '5': 1 },
  user: 'me',
  stream: false,
};
const validBodies = [
  { path: '/completions', body: { model: 'scripted', prompt: 'a b c', ...sampling } },
  { path: '/completions', body: { model: 'scripted', prompt: [[1, 2], [3]], ...sampling } },
  { path: '/engines/scripted/completions', body: { prompt: ['a', 'b'], ...sampling, stop: null } },
  {
    path: '/chat/completions',
    body: {
      model: 'scripted',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        { role: 'assistant', content: 'x', refusal: null },
      ],
      metadata: { a: 'b' },
      stream_options: null,
      ...sampling,
    },
  },
];

const oddValues = fc.oneof(
  fc.constantFrom<unknown>(
    ...[
      null,
      true,
      false,
      0,
      -1,
      0.5,
      1e308,
      -1e308,
      2 ** 31,
      2 ** 32,
      2 ** 53,
      99,
      [],
      {},
      [[]],
      [null],
      [[1, 2]],
      [{}],
    ],
    ...['', '\u0000', '\ud800', 'true', 'a'.repeat(300), { type: 'text' }, { include_usage: 1 }, [{ role: 'tool' }]],
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
);
const oddNames = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'tools', 'echo', 'logprobs', ''),
  fc.string(),
);

type Node = Record<string, unknown> | unknown[];

/** Every place in a body, as the object that holds it and its key there. */
function placesOf(node: Node): { readonly holder: Node; readonly key: string }[] {
  return Object.entries(node).flatMap(([key, value]) => [
    { holder: node, key },
    ...(typeof value === 'object' && value !== null ? placesOf(value as Node) : []),
  ]);
}

const mutation = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'cut'),
  at: fc.nat(),
  name: oddNames,
  value: oddValues,
});

const mutated = fc
  .tuple(fc.constantFrom(...validBodies), fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([{ path, body }, mutations]) => {
    const changed = structuredClone(body) as Record<string, unknown>;
    let cut = 0;
    for (const { kind, at, name, value } of mutations) {
      const places = placesOf(changed);
      const place = places[at % Math.max(1, places.length)];
      if (!place) break;
      const holder = place.holder as Record<string, unknown>;
      if (kind === 'replace') holder[place.key] = structuredClone(value);
      else if (kind === 'remove') Reflect.deleteProperty(holder, place.key);
      else if (kind === 'add')
        Object.defineProperty(changed, name, {
          value: structuredClone(value),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      else cut = at;
    }
    const json = JSON.stringify(changed);
    return { path, json: cut > 0 ? json.slice(0, cut % json.length) : json };
  });

it('answers a thousand bodies that went wrong with 4xx in the right shape, or does what they ask', async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const { secret } = await app.newClient();
  const checked = await createCheckedFetch(app.url);
  const counts = new Map<number, number>();

  await fc.assert(
    fc.asyncProperty(mutated, async ({ path, json }) => {
      const answer = await checked.fetch(`${app.url}/v1${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: json,
        signal: AbortSignal.timeout(20_000),
      });
      await answer.text();
      await checked.settled();
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      expect([200, 400, 404, 413], `${answer.status} for ${path} ${json}`).toContain(answer.status);
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
  expect(counts.get(400)).toBeGreaterThan(500);
  expect(app.logs.filter(({ level }) => level === 'error')).toEqual([]);
}, 300_000);
