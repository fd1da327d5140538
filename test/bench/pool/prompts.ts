import type { Client } from '../../kit/client.ts';

export interface Prompt {
  readonly text: string;
  readonly tokens: readonly number[];
}

const words =
  'the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up'.split(
    ' ',
  );

/** Prompts of about so many tokens, all different from the first word on, so that nothing of one is known from another. */
export async function writePrompts(client: Client, count: number, tokens: number): Promise<Prompt[]> {
  return Promise.all(Array.from({ length: count }, () => writePrompt(client, tokens)));
}

export function randomWords(count: number): string[] {
  return Array.from({ length: count }, () => words[Math.floor(Math.random() * words.length)]!);
}

async function writePrompt(client: Client, wanted: number): Promise<Prompt> {
  const text = randomWords(wanted);
  const all = await tokenize(client, text.join(' '));
  const few = text.slice(0, Math.max(1, Math.round((wanted * wanted) / all.length))).join(' ');
  return { text: few, tokens: await tokenize(client, few) };
}

async function tokenize(client: Client, prompt: string): Promise<readonly number[]> {
  const { tokenize: result } = await client.execute<{ tokenize: { tokens: number[] } }>(
    'query ($input: TokenizeInput!) { tokenize(input: $input) { tokens } }',
    { input: { model: 'bench', prompt } },
  );
  return result.tokens;
}
