import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endless } from '../kit/chaos.ts';
import { type Client, createClient } from '../kit/client.ts';
import { allEvents, type Created, create, type EventView, events, find, textOf } from '../kit/completions.ts';
import { temporaryDataDirectory } from '../kit/database.ts';
import { createKey } from '../kit/keys.ts';
import { isAlive, newAdminSecret, type ServerProcess, startServerProcess } from '../kit/server-process.ts';
import { type RecordView, usageRecords, viewerLimits } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';

const final = ['SUCCEEDED', 'FAILED', 'CANCELLED'];
const maxTokens = 400;

/** What a client of the killed server knows. */
interface Known {
  readonly id: string;
  readonly mode: string;
  readonly seen: EventView[];
}

describe('a server that is killed under load', () => {
  it('loses no acknowledged completion, runs what waited in the background, ends and bills all once, and leaves no engine behind', async () => {
    await using directory = await temporaryDataDirectory();
    const adminSecret = newAdminSecret();
    const config = join(directory.path, 'sluice.config.json');
    const model = {
      name: 'starter',
      source: `file:${resolve('models/starter.gguf')}`,
      contextSize: 1024,
      sequences: 2,
    };
    await writeFile(config, JSON.stringify({ models: [{ ...model, threads: 1 }] }));
    const start = () =>
      startServerProcess({ dataDirectory: directory.path, adminSecret, environment: { SLUICE_CONFIG: config } });

    let server = await start();
    try {
      const { secret } = await createKey(server.admin, {
        name: 'load',
        scopes: ['COMPLETIONS', 'USAGE_READ'],
        limits: { tokensPerDay: 1_000_000_000 },
      });
      const known: Known[] = [];
      const logitBias = await endless(server.url, secret!, 'starter');
      for (const milliseconds of [Math.random() * 200, 500 + Math.random() * 700]) {
        const client = createClient(server.url, secret!);
        const alive = server.children();
        expect(alive.length).toBeGreaterThan(0);
        const left = await loadUntilKilled(server, client, { logitBias }, milliseconds);
        const killedAt = Date.now();
        known.push(...left);
        await waitFor('every process of the dead server to be gone', () => !alive.some(isAlive), 5_000);
        server = await start();
        const again = createClient(server.url, secret!);
        await expectAllEnded(again, known);
        await expectLineRan(again, left, killedAt);
      }
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});

/** Asks for work of all modes, reads what it says, and kills the server so long after the first text. */
async function loadUntilKilled(
  server: ServerProcess,
  client: Client,
  sampling: object,
  milliseconds: number,
): Promise<Known[]> {
  const known: Known[] = [];
  const input = { model: 'starter', temperature: 1, maxTokens, ...sampling };
  let text: () => void;
  const firstText = new Promise<void>((resolve) => {
    text = resolve;
  });

  async function ask(mode: string, index: number): Promise<void> {
    const prompt = `Once upon a time, number ${index}`;
    const { completion }: Created = await create(client, { ...input, prompt, mode });
    if (!completion) return;
    const one: Known = { id: completion.id, mode, seen: [] };
    known.push(one);
    if (mode !== 'STREAM') return;
    for await (const event of events(client, { id: completion.id })) {
      one.seen.push(event);
      if (event.text) text();
    }
  }

  // What the kill breaks off is expected.
  const askAll = (modes: readonly string[]) => modes.map((mode, index) => ask(mode, index).catch(() => {}));
  const asked = askAll(['STREAM', 'STREAM', 'STREAM', 'WAIT', 'WAIT']);
  await firstText;
  await Promise.all(askAll(['BACKGROUND', 'BACKGROUND', 'BACKGROUND']));
  const killed = new Promise<void>((resolve) => {
    setTimeout(() => {
      server.child.kill('SIGKILL');
      resolve();
    }, milliseconds);
  });
  await killed;
  await server.ended();
  await Promise.all(asked);
  expect(known.length).toBeGreaterThan(0);
  return known;
}

async function expectAllEnded(client: Client, known: readonly Known[]): Promise<void> {
  for (const { id, seen } of known) {
    const completion = await waitFor(
      'every completion to end',
      async () => {
        const found = await find(client, id);
        expect(found, 'an acknowledged completion is there').not.toBeNull();
        return final.includes(found!.status) && found!;
      },
      30_000,
    );
    // What was cut off says so, and that it may be sent again; what was still in the line ran after all.
    if (completion.status === 'FAILED') {
      expect(completion.error).toMatchObject({ code: 'INTERRUPTED', retryAfterSeconds: expect.any(Number) });
      expect(completion.choices[0]!.finishReason).toBe('ERROR');
    } else expect(completion.status).toBe('SUCCEEDED');

    const last = seen.at(-1);
    if (!last || last.completion) continue;
    const rest: EventView[] = [];
    for await (const event of events(client, { id, after: last.seq })) rest.push(event);
    expect(rest.at(-1)!.completion).toEqual(completion);
    expect(rest[0]!.seq).toBeGreaterThan(last.seq);
    // Of the last half second the store may know less than was shown; else the two say the same.
    const shown = textOf([...seen, ...rest]);
    const kept = completion.choices[0]!.text;
    expect(kept.startsWith(shown) || shown.startsWith(kept)).toBe(true);
  }

  const records = await allRecords(client);
  const ids = records.map(({ completion }) => completion!.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id } of known) expect(ids).toContain(id);
  const total = records.reduce((sum, { usage }) => sum + usage.promptTokens + usage.completionTokens, 0);
  const [limit] = await viewerLimits(client);
  expect(limit!.used).toBe(String(total));
  await expectNothingUnfinished(client);
}

/** Nobody need ask again for what waited in the background: it has its whole text. */
async function expectLineRan(client: Client, left: readonly Known[], killedAt: number): Promise<void> {
  const background = left.filter(({ mode }) => mode === 'BACKGROUND');
  const waited: string[] = [];
  for (const { id } of background) {
    const startedAt = await startedAtOf(client, id);
    if (startedAt === null || Date.parse(startedAt) > killedAt) waited.push(id);
  }
  expect(waited.length).toBeGreaterThan(0);
  for (const id of waited) {
    const { status, choices, usage } = (await find(client, id))!;
    expect({ status, tokens: usage.completionTokens }).toEqual({ status: 'SUCCEEDED', tokens: maxTokens });
    expect(choices[0]).toMatchObject({ finishReason: 'LENGTH', text: textOf(await allEvents(client, { id })) });
  }
}

async function startedAtOf(client: Client, id: string): Promise<string | null> {
  const document = 'query ($id: ID!) { completion(id: $id) { startedAt } }';
  const { completion } = await client.execute<{ completion: { startedAt: string | null } }>(document, { id });
  return completion.startedAt;
}

async function allRecords(client: Client): Promise<RecordView[]> {
  const { edges, pageInfo } = await usageRecords(client, { first: 100 });
  expect(pageInfo.hasNextPage).toBe(false);
  return edges.map(({ node }) => node);
}

async function expectNothingUnfinished(client: Client): Promise<void> {
  await waitFor('nothing to wait or run any more', async () => {
    const { completions } = await client.execute<{ completions: { edges: unknown[] } }>(
      '{ completions(first: 1, filter: { status: [QUEUED, RUNNING] }) { edges { cursor } } }',
    );
    return completions.edges.length === 0;
  });
}
