import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { starterEntry } from '../../kit/models.ts';
import { changeProject } from '../../kit/projects.ts';

const system = {
  role: 'SYSTEM',
  content:
    'You are a patient guide through a museum of ships, boats and lighthouses. You answer in one or two short sentences, you never ' +
    'invent a name or a year, and you say so where you do not know something that a visitor asks.',
};

/** A conversation that can go on; each turn says what it cost. */
function chat(client: Client, topic: string) {
  const messages: { role: string; content: string }[] = [system];
  return {
    async ask(question: string) {
      messages.push({ role: 'USER', content: `${question} I am asking about the ${topic}.` });
      const { choices, usage } = await complete(client, { model: 'starter', messages, temperature: 0, maxTokens: 40 });
      messages.push({ role: 'ASSISTANT', content: choices[0]!.text });
      return usage;
    },
  };
}

const startWith = (changes: object = {}) =>
  startApp({ config: { models: [{ ...starterEntry, sequences: 4, ...changes }] } });

async function clientOfNewProject(app: TestApp): Promise<Client> {
  const { project } = await changeProject(app.admin, 'createProject', { name: randomUUID() });
  return app.newClient({ projectId: project!.id });
}

describe('what was evaluated of a prompt before', () => {
  it('is reused in a chat that goes on, also when others with the same system prompt came between', async () => {
    await using app = await startWith();
    const client = await app.newClient();
    const [ships, boats] = [chat(client, 'old wooden ships in the north'), chat(client, 'small boats of the lake')];
    const first = await ships.ask('Which of them is the largest one here?');
    expect(first.cachedPromptTokens).toBe(0);
    const other = await boats.ask('Where do the oldest ones come from?');
    expect(other.cachedPromptTokens).toBeGreaterThan(32);
    const second = await ships.ask('And which one is the smallest?');
    expect(second.cachedPromptTokens).toBeGreaterThanOrEqual(first.promptTokens);
    expect(second.cachedPromptTokens).toBeLessThan(second.promptTokens);
    expect((await boats.ask('And the newest ones?')).cachedPromptTokens).toBeGreaterThanOrEqual(other.promptTokens);
  });

  it('is evaluated once for all choices of a completion, and changes nothing in what is said', async () => {
    await using app = await startWith();
    const client = await app.newClient();
    const input = { model: 'starter', messages: [system, { role: 'USER', content: 'Hello' }], maxTokens: 20, seed: 7 };
    const together = await complete(client, { ...input, n: 4 });
    const alone = await Promise.all(
      [7, 8, 9, 10].map(async (seed) => {
        const { choices } = await complete(await clientOfNewProject(app), { ...input, seed });
        return choices[0]!.text;
      }),
    );
    expect(together.choices.map(({ text }) => text)).toEqual(alone);
    expect(together.usage.cachedPromptTokens).toBe(0);
  });

  it('is never reused for another project, unless the model says so', async () => {
    for (const [cacheSharing, isShared] of [
      ['project', false],
      ['all', true],
    ] as const) {
      await using app = await startWith({ cacheSharing });
      await chat(await app.newClient(), 'ships').ask('What is this?');
      const { cachedPromptTokens } = await chat(await clientOfNewProject(app), 'ships').ask('What is this?');
      expect([cacheSharing, cachedPromptTokens > 0]).toEqual([cacheSharing, isShared]);
    }
  });
});
