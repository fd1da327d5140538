import type { Client } from './client.ts';
import { complete } from './completions.ts';

/** The logit bias under which the starter model goes on until it is stopped: its control tokens, which end a text, are its last ones. */
export async function endlessBias(client: Client): Promise<Readonly<Record<string, number>>> {
  // The first completion opens the model's file, which tells its vocabulary.
  await complete(client, { model: 'default', prompt: 'Hello', maxTokens: 1 });
  const { model } = await client.execute<{ model: { facts: { vocabularySize: number } } }>(
    '{ model(name: "default") { facts { vocabularySize } } }',
  );
  return Object.fromEntries([1, 2, 3].map((back) => [model.facts.vocabularySize - back, -100]));
}
