import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { createDisposer } from '../../../src/lib/disposer.ts';
import type { TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { type CompletionView, create, find } from '../../kit/completions.ts';
import { temporaryDatabase, temporaryDirectory, whyNoPostgres } from '../../kit/database.ts';
import { describeOnEveryStore } from '../../kit/every-store.ts';
import { createKey } from '../../kit/keys.ts';
import { startMeteredServer } from '../../kit/metered-process.ts';
import { changeProject } from '../../kit/projects.ts';
import { viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const concurrent = 64;
const room = 7;
const prompt = 'alpha beta gamma';
/** Each reserves 3 + 10 tokens. */
const input = { model: 'scripted', prompt, maxTokens: 10 };
const reserved = 13;
const price = { promptNanosPerToken: 1_000n, completionNanosPerToken: 3_000n };

/** Limits with room for so many at once, and not for one more. */
const limits: Readonly<Record<string, object>> = {
  tokensPerDay: { tokensPerDay: room * reserved + reserved - 1 },
  tokensPerMonth: { tokensPerMonth: room * reserved + reserved - 1 },
  costPerMonth: { costPerMonth: '0.000263' },
  concurrentCompletions: { concurrentCompletions: room },
};

/** Keys of a project of their own, on which the limits lie. */
async function keysOfProject(admin: Client, projectLimits: object, count: number): Promise<readonly string[]> {
  const { project } = await changeProject(admin, 'createProject', {
    name: crypto.randomUUID(),
    limits: projectLimits,
  });
  const keys = Array.from({ length: count }, () =>
    createKey(admin, { name: 'caller', scopes: ['COMPLETIONS'], projectId: project!.id }),
  );
  return (await Promise.all(keys)).map(({ secret }) => secret!);
}

/** Sends the requests together and watches what is spent until each has its answer; those that were admitted. */
async function race(callers: readonly Client[]): Promise<readonly CompletionView[]> {
  const modes = ['STREAM', 'BACKGROUND'];
  let answered = false;
  const asked = Promise.all(
    Array.from({ length: concurrent }, (_, index) =>
      create(callers[index % callers.length]!, { ...input, mode: modes[index % 2] }),
    ),
  ).finally(() => {
    answered = true;
  });
  let samples = 0;
  for (; !answered; samples++) {
    for (const { name, used, limit } of await viewerLimits(callers[samples % callers.length]!)) {
      expect(Number(used), name).toBeLessThanOrEqual(Number(limit));
    }
  }
  const answers = await asked;
  expect(samples).toBeGreaterThan(0);
  for (const { code } of answers.filter(({ completion }) => !completion)) {
    expect(code).toMatch(/^(QUOTA_EXCEEDED|RATE_LIMITED)$/u);
  }
  return answers.flatMap(({ completion }) => completion ?? []);
}

async function settledTokens(client: Client, completions: readonly CompletionView[]): Promise<number> {
  let total = 0;
  for (const { id } of completions) {
    total += await waitFor(
      'the end',
      async () => {
        const completion = await find(client, id);
        return completion?.status === 'SUCCEEDED' && completion.usage.totalTokens;
      },
      30_000,
    );
  }
  return total;
}

const usedNow = async (client: Client) =>
  Object.fromEntries((await viewerLimits(client)).map(({ name, used }) => [name, used]));

describeOnEveryStore(`${concurrent} requests at once`, (startApp) => {
  let inference: ScriptedInference;
  let app: TestApp;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: 'scripted', price }]);
    app = await startApp({ inference });
  });
  beforeEach(() => inference.hold());
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each(Object.entries(limits))(
    `for which %s leaves room for ${room} are ${room}, and never is more spent`,
    async (name, limit) => {
      const secrets = await keysOfProject(app.admin, limit, 4);
      const callers = secrets.map((secret) => createClient(app.url, secret));
      const admitted = await race(callers);
      expect(admitted).toHaveLength(room);
      inference.release();
      expect(await settledTokens(app.admin, admitted)).toBe(room * 7);
      const used = { tokensPerDay: '49', tokensPerMonth: '49', costPerMonth: '0.000105', concurrentCompletions: '0' };
      expect(Object.values(await usedNow(callers[0]!))).toEqual([used[name as keyof typeof used]]);
    },
  );
});

describe.skipIf(await whyNoPostgres())('requests at once to four processes on one PostgreSQL', () => {
  it(`are admitted as one: ${room} of ${concurrent}, and never is more spent`, { timeout: 180_000 }, async () => {
    await using opened = createDisposer();
    const database = opened.use(await temporaryDatabase());
    const adminSecret = generateSecret();
    const secret = generateSecret();
    const servers = [];
    for (let i = 0; i < 4; i++) {
      const { path } = opened.use(await temporaryDirectory());
      const options = { engine: 'held', dataDirectory: path, databaseUrl: database.url } as const;
      servers.push(opened.use(await startMeteredServer({ ...options, adminSecret, secret })));
    }
    const [first] = servers;
    const limit = { ...limits.tokensPerDay, ...limits.costPerMonth };
    const [key] = await keysOfProject(first!.admin, limit, 1);
    const callers = servers.map(({ url }) => createClient(url, key!));
    const admitted = await race(callers);
    expect(admitted).toHaveLength(room);
    for (const server of servers) server.release();
    expect(await settledTokens(first!.admin, admitted)).toBe(room * 7);
    expect(await usedNow(callers[3]!)).toEqual({ TOKENS_PER_DAY: '49', COST_PER_MONTH: '0.000105' });
  });
});
