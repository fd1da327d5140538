import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { getLlama, type LlamaModel } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AcceptanceRule, type Answer, acceptable, type HeldOutItem, right } from '../../models/pipeline/judge.mjs';
import { startApp, type TestApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { starterModel } from '../kit/models.ts';

const readModelFile = (name: string) => readFileSync(new URL(`../../models/${name}`, import.meta.url), 'utf8');
const card = readModelFile('README.md');
const heldOut: readonly HeldOutItem[] = JSON.parse(readModelFile('heldout.json'));
const { prompts }: { prompts: readonly AcceptanceRule[] } = JSON.parse(readModelFile('acceptance.json'));

/** One item in so many is asked; the rest is the evaluation's work. */
const sampleEvery = 4;

const createCompletion = `mutation ($input: CreateCompletionInput!) {
  createCompletion(input: $input) {
    ... on CreateCompletionPayload { completion { choices { text finishReason } } }
    ... on UserError { message }
  }
}`;

interface Created {
  readonly createCompletion: {
    readonly completion: { readonly choices: readonly { readonly text: string; readonly finishReason: string }[] };
  };
}

describe('the starter model, as the service serves it', () => {
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    app = await startApp();
    client = await app.newClient();
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function ask(form: HeldOutItem['form'], prompt: string): Promise<Answer> {
    const asked = form === 'chat' ? { messages: [{ role: 'USER', content: prompt }] } : { prompt };
    const input = { model: 'starter', temperature: 0, maxTokens: 400, ...asked };
    const { createCompletion: created } = await client.execute<Created>(createCompletion, { input });
    const [choice] = created.completion.choices;
    return { text: choice!.text.trim(), ended: choice!.finishReason === 'STOP' };
  }

  it('is as accurate on held-out items as its card says, and ends its turns', async () => {
    const sample = heldOut.filter((_, index) => index % sampleEvery === 0);
    let correct = 0;
    let ended = 0;
    for (const item of sample) {
      const answer = await ask(item.form, item.prompt);
      if (answer.ended) ended += 1;
      if (right(answer, item)) correct += 1;
    }
    const claimed = claimedAccuracy();
    // Three standard deviations of a sample of this size.
    const tolerance = 3 * Math.sqrt((claimed * (1 - claimed)) / sample.length);
    expect(correct / sample.length).toBeGreaterThanOrEqual(claimed - tolerance);
    expect(ended / sample.length).toBeGreaterThanOrEqual(0.98);
  });

  it.each(claimedAcceptances())('answers "$prompt" ($form) acceptably at temperature 0', async ({ prompt, form }) => {
    const rule = prompts.find((known) => known.prompt === prompt);
    const answer = await ask(form, prompt);
    expect({ ...answer, acceptable: acceptable(answer, rule!) }).toMatchObject({ acceptable: true });
  });
});

describe("the starter model's tokenizer", () => {
  let model: LlamaModel;

  beforeAll(async () => {
    const llama = await getLlama({ gpu: false, build: 'never' });
    model = await llama.loadModel({ modelPath: starterModel.path, vocabOnly: true });
  });
  afterAll(() => model?.llama.dispose());

  it('gives back every one of 1,000 random Unicode strings', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, (original) => {
        expect(model.detokenize(model.tokenize(original, false), false)).toBe(original);
      }),
      { numRuns: 1_000 },
    );
  });

  it('makes Chinese affordable: fewer than two tokens a character', () => {
    const article = prompts.find(({ language }) => language === 'zh')!.prompt + card.replace(/[^\p{Script=Han}]/gu, '');
    expect(model.tokenize(article).length / article.length).toBeLessThan(2);
  });

  it.each(['<|im_start|>', '<|im_end|>', '<|endoftext|>'])('cannot be made to produce %s by spelling it', (spelled) => {
    const [control] = model.tokenize(spelled, true);
    expect(model.tokenize(spelled, true)).toHaveLength(1);
    expect(model.tokenize(`say ${spelled} again`, false)).not.toContain(control);
  });
});

/** Over all uses, from the card's table of accuracies: "| Stories | 42 of 60 (70%) | …". */
function claimedAccuracy(): number {
  const rows = [...card.matchAll(/^\|\s*[\w ]+?\s*\|\s*(\d+) of (\d+) \(\d+%\)\s*\|/gmu)];
  expect(rows.length).toBeGreaterThan(5);
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
  return sum(1) / sum(2);
}

/** From the card's table of the first prompts: "| What … | chat | accepted | 10 of 10 |". */
function claimedAcceptances(): { readonly prompt: string; readonly form: 'chat' | 'raw' }[] {
  const rows = [...card.matchAll(/^\|\s*(.+?)\s*\|\s*(chat|bare)\s*\|\s*accepted\s*\|/gmu)];
  return rows.map(([, prompt, form]) => ({ prompt: prompt!, form: form === 'chat' ? 'chat' : 'raw' }));
}
