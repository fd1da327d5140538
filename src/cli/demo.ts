import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Config, loadConfig } from '../config.ts';
import { connectToUrl } from './client.ts';
import { announceAdminKey, stopServer } from './commands/serve.ts';
import { complete, firstModel } from './complete.ts';
import type { ServerConnection } from './connection.ts';
import * as documents from './documents.ts';
import { Failure } from './failure.ts';
import { plainText } from './plain-text.ts';
import { report } from './program.ts';
import { type ApiKey, type CreatedApiKey, payloadOf, type UsageRecord, type UserError } from './results.ts';
import { findRunningServer, type RunningServerFile } from './server-file.ts';
import { createProcessTerminal, type Terminal } from './terminal.ts';

/** Shows that the work takes time, and answers what it answers. */
export type Progress = <T>(label: string, work: () => Promise<T>) => Promise<T>;

const prompt = 'Write a short article about artificial intelligence';
/** Cool enough for a small model to keep to its subject. */
const temperature = 0.3;
const keySeconds = 3_600;

/**
 * Starts the server (or finds it running), mints an API key, streams one completion over the WebSocket endpoint and shows the usage
 * record that it left. Then the server stays up, unless the arguments hold --once. Sets the exit status of this process.
 */
export async function runDemo(argv: readonly string[], progress: Progress): Promise<void> {
  using terminal = createProcessTerminal();
  try {
    await demonstrate({ once: argv.includes('--once'), progress, terminal });
    process.exitCode = 0;
  } catch (error) {
    process.exitCode = report(error, terminal);
  }
}

interface DemoOptions {
  readonly once: boolean;
  readonly progress: Progress;
  readonly terminal: Terminal;
}

async function demonstrate({ once: endAfterwards, progress, terminal }: DemoOptions): Promise<void> {
  await using service = await progress('Starting the server', () => openService(terminal));
  if (service.adminSecret) announceAdminKey(service.adminSecret, terminal);
  const { url, operatorToken } = service.file;
  await using operator = connectToUrl({ url, apiKey: operatorToken });
  const { apiKey, secret } = await mintKey(operator);
  await using caller = connectToUrl({ url, apiKey: secret });
  const model = await firstModel(caller);

  terminal.out(`\n> ${prompt}\n\n`);
  await streamArticle(caller, model, progress, terminal);
  terminal.out(formatUsage(await usageOf(operator, apiKey)));
  if (endAfterwards) return;

  terminal.out(`\n${invitation(url, model, secret)}`);
  if (service.foreign) return;
  terminal.out('\nThe server stays up until Ctrl-C.\n');
  if (!terminal.interrupted.aborted) await once(terminal.interrupted, 'abort');
  terminal.note('Stopping.');
}

interface Service extends AsyncDisposable {
  readonly file: RunningServerFile;
  readonly adminSecret?: string | undefined;
  /** It ran before, and goes on when the demo ends. */
  readonly foreign: boolean;
}

async function openService(terminal: Terminal): Promise<Service> {
  const config = loadConfig({}, terminal.environment);
  const running = await findRunningServer(config.dataDirectory);
  if (running) return { file: running, foreign: true, async [Symbol.asyncDispose]() {} };
  const { startServer } = await import('../server.ts');
  const server = await startServer({ ...config, port: await freePort(config), logLevel: quieter(config.logLevel) });
  const file = await findRunningServer(config.dataDirectory);
  if (!file) {
    await stopServer(server, terminal);
    throw new Failure(`the server left no server.json in ${config.dataDirectory}`);
  }
  return {
    file,
    adminSecret: server.adminSecret,
    foreign: false,
    [Symbol.asyncDispose]: () => stopServer(server, terminal),
  };
}

/** The log must not mix with the text; what is broken may. */
function quieter(level: Config['logLevel']): Config['logLevel'] {
  return level === 'info' ? 'error' : level;
}

/** The configured port, or any free one (0) where that is taken. */
function freePort({ host, port }: Config): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, host, () => probe.close(() => resolve(port)));
  });
}

async function mintKey(operator: ServerConnection): Promise<CreatedApiKey> {
  const expiresAt = new Date(Date.now() + keySeconds * 1_000).toISOString();
  const { createApiKey } = await operator.execute<{ createApiKey: CreatedApiKey | UserError }>(documents.createApiKey, {
    input: { name: 'demo', scopes: ['COMPLETIONS'], expiresAt },
  });
  return payloadOf(createApiKey);
}

async function streamArticle(caller: ServerConnection, model: string, progress: Progress, terminal: Terminal) {
  let showFirstText = () => {};
  const loading = progress(
    `Loading the model ${model}`,
    () =>
      new Promise<void>((resolve) => {
        showFirstText = resolve;
      }),
  );
  let column = 0;
  try {
    const completion = await complete(caller, terminal, {
      input: { model, temperature, messages: [{ role: 'USER', content: prompt }] },
      async onText(text) {
        showFirstText();
        await loading;
        const shown = plainText(text);
        terminal.out(shown);
        column = shown.endsWith('\n') ? 0 : 1;
      },
    });
    if (completion.error) throw new Failure(`${completion.error.message} (${completion.error.code})`);
  } finally {
    showFirstText();
    await loading;
    if (column > 0) terminal.out('\n');
  }
}

async function usageOf(operator: ServerConnection, { id }: ApiKey): Promise<UsageRecord> {
  const { usageRecords } = await operator.execute<{ usageRecords: { edges: readonly { node: UsageRecord }[] } }>(
    documents.usageRecords,
    { apiKeyId: id },
  );
  const record = usageRecords.edges[0]?.node;
  if (!record) throw new Failure('the completion left no usage record');
  return record;
}

function formatUsage({ id, model, finishReason, usage, timings }: UsageRecord): string {
  const { timeToFirstTokenSeconds, tokensPerSecond, durationSeconds } = timings;
  const lines = [
    ['model', model],
    ['prompt tokens', `${usage.promptTokens}`],
    ['completion tokens', `${usage.completionTokens}`],
    ['finish reason', finishReason ?? '-'],
    ['time in the queue', timings.queueSeconds === null ? '-' : `${timings.queueSeconds.toFixed(2)} s`],
    ['time to first token', timeToFirstTokenSeconds === null ? '-' : `${timeToFirstTokenSeconds.toFixed(2)} s`],
    ['duration', durationSeconds === null ? '-' : `${durationSeconds.toFixed(2)} s`],
    ['speed', tokensPerSecond === null ? '-' : `${tokensPerSecond.toFixed(1)} tokens/s`],
    ['cost', usage.cost ?? '-'],
  ];
  return `\nUsage record ${id}\n${lines.map(([name, value]) => `  ${name!.padEnd(20)} ${value}\n`).join('')}`;
}

function invitation(url: string, model: string, secret: string): string {
  const query = `mutation($input: CreateCompletionInput!) { createCompletion(input: $input) { ... on CreateCompletionPayload { completion { choices { text } usage { promptTokens completionTokens } } } ... on UserError { code message } } }`;
  const variables = {
    input: { model, mode: 'WAIT', maxTokens: 64, temperature, messages: [{ role: 'USER', content: prompt }] },
  };
  return [
    `GraphQL   ${url}/graphql`,
    `GraphiQL  ${url}/graphql in a browser`,
    `API key   ${secret} (for an hour)`,
    '',
    'Try it:',
    '',
    `curl -s ${url}/graphql \\`,
    `  -H 'content-type: application/json' -H 'authorization: Bearer ${secret}' \\`,
    `  -d '${JSON.stringify({ query, variables })}'`,
    '',
  ].join('\n');
}
