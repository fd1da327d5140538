import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Client, createClient } from '../kit/client.ts';
import { type Created, create, type EventView, events, find, textOf } from '../kit/completions.ts';
import { temporaryDataDirectory } from '../kit/database.ts';
import { createKey } from '../kit/keys.ts';
import { isAlive, newAdminSecret, type ServerProcess, startServerProcess } from '../kit/server-process.ts';
import { type RecordView, usageRecords, viewerLimits } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';

const final = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** What a client of the killed server knows. */
interface Known {
  readonly id: string;
  readonly mode: string;
  readonly seen: EventView[];
}

describe('a server that is killed under load', () => {
  it('loses no acknowledged completion, ends all of them, bills each once, and leaves no engine behind', async () => {
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
      for (const milliseconds of [Math.random() * 200, 500 + Math.random() * 700]) {
        const client = createClient(server.url, secret!);
        const alive = server.children();
        expect(alive.length).toBeGreaterThan(0);
        known.push(...(await loadUntilKilled(server, client, milliseconds)));
        await waitFor('every process of the dead server to be gone', () => !alive.some(isAlive), 5_000);
        server = await start();
        await expectAllEnded(createClient(server.url, secret!), known);
      }
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});

/** Asks for work of all modes, reads what it says, and kills the server so long after the first text. */
async function loadUntilKilled(server: ServerProcess, client: Client, milliseconds: number): Promise<Known[]> {
  const known: Known[] = [];
  const input = { model: 'starter', temperature: 1, maxTokens: 400 };
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

  const modes = ['STREAM', 'STREAM', 'STREAM', 'WAIT', 'WAIT', 'BACKGROUND', 'BACKGROUND', 'BACKGROUND'];
  const asked = modes.map((mode, index) => ask(mode, index).catch(() => {})); // What the kill breaks off is expected.
  await firstText;
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
