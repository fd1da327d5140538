import { z } from '@hono/zod-openapi';
import { OpenAiError } from './errors.ts';

const maxPrompts = 64;

/** What it may be is told to readers of the document; `promptsOf` checks it in one pass, for a body may hold millions of token ids. */
export const promptSchema = z
  .union([z.string(), z.array(z.unknown())], { error: 'expected a text, texts, token ids or arrays of token ids' })
  .openapi({
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'string' } },
      tokenArray(),
      { type: 'array', items: tokenArray() },
    ],
    description: `A text, up to ${maxPrompts} texts, the token ids of one prompt, or up to ${maxPrompts} arrays of them: choice j of prompt i has the index i × n + j. Token ids are the model's own and the whole prompt as it is: nothing is put before them, and control tokens count as such, which in text they never do.`,
  });

/** One prompt in the domain's terms, which checks what is in it. */
export type PromptFields = { readonly prompt: string } | { readonly tokens: readonly number[] };

/** The prompts of a request, of one kind all of them. */
export function promptsOf(prompt: string | readonly unknown[]): readonly PromptFields[] {
  if (typeof prompt === 'string') return [{ prompt }];
  const [first] = prompt;
  if (typeof first !== 'string' && !Array.isArray(first) && prompt.length > 0) return [tokensOf(prompt, 'prompt')];
  if (prompt.length === 0 || prompt.length > maxPrompts) throw invalid('prompt', `send 1 to ${maxPrompts} prompts`);
  return prompt.map((one, index) => {
    if (typeof one === 'string' && typeof first === 'string') return { prompt: one };
    if (Array.isArray(one) && Array.isArray(first)) return tokensOf(one, `prompt[${index}]`);
    throw invalid(`prompt[${index}]`, 'send prompts of one kind: texts, or arrays of token ids');
  });
}

function tokensOf(ids: readonly unknown[], param: string): PromptFields {
  const bad = ids.findIndex((id) => typeof id !== 'number');
  if (bad >= 0) throw invalid(`${param}[${bad}]`, 'is not a token id');
  return { tokens: ids as readonly number[] };
}

function invalid(param: string, rule: string): OpenAiError {
  return new OpenAiError(400, 'invalid_value', `Invalid value for '${param}': ${rule}.`, param);
}

function tokenArray() {
  return { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 } as const;
}
