import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ModelPrice } from './contracts/inference.ts';
import { shortestSecret } from './contracts/server-secrets.ts';
import { cacheTypes, needsFlashAttention } from './inference/cache-type.ts';
import { flashAttentionSettings } from './inference/flash-attention.ts';
import { type CatalogueModel, cacheSharings } from './inference/model-config.ts';

/** Everything that can be configured, read once: environment (or the flag of the same name), then the config file. */
export interface Config {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDirectory: string;
  readonly adminKey: string | undefined;
  readonly secret: string | undefined;
  /** The secret that was, during its rotation. */
  readonly previousSecret: string | undefined;
  readonly allowedOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly logLevel: LogLevel;
  readonly databaseUrl: string | undefined;
  readonly models: readonly CatalogueModel[];
  /** What relative `file:` sources are relative to. */
  readonly baseDirectory: string;
  readonly limits: ConfigFile['limits'];
  readonly streams: ConfigFile['streams'];
  readonly retention: ConfigFile['retention'];
  readonly currency: string;
  /** What engine processes inherit: drivers and library paths, without the settings and secrets of the service. */
  readonly environment: Environment;
}

/** The configuration is wrong: `message` says where and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Prices are kept in billionths per token: a finer one would be rounded, and a small one to nothing. */
const perMillion = z
  .number()
  .min(0)
  .refine((price) => Number(price.toFixed(3)) === price, 'must have at most three decimal places')
  .default(0);

const priceSchema = z
  .strictObject({
    promptPerMillion: perMillion.describe('Price of a million prompt tokens, in the currency, to 0.001.'),
    completionPerMillion: perMillion.describe('Price of a million completion tokens, to 0.001.'),
  })
  .describe('Price per direction; copied into every usage record.');

/** The longest that a timer of Node can wait (2³¹ − 1 ms, some 24 days): it takes longer ones for none. */
const longestSeconds = 2_147_483;

const modelName = z.string().regex(/^[\w.:/-]{1,128}$/u, 'use 1 to 128 letters, digits and . : / _ -');

const modelSchema = z.strictObject({
  name: modelName.describe('The name that requests use.'),
  source: z
    .string()
    .regex(/^(file|hf|https?):.+/u, 'must start with file:, hf: or https:')
    .describe('Where the GGUF is: file:PATH (relative to this file), hf:USER/REPO/FILE or https:URL.'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hexadecimal digits')
    .optional()
    .describe('What the file must hash to.'),
  aliases: z.array(modelName).default([]).describe('Other names that answer.'),
  contextSize: z.int().min(16).default(2048).describe('Tokens of prompt and answer together, per sequence.'),
  defaultMaxTokens: z.int().min(1).default(256).describe('maxTokens of a request that names none.'),
  sequences: z.int().min(1).max(256).default(8).describe('Parallel sequences of a replica.'),
  replicas: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('Engine processes of the model; one for each of its devices, else one, where absent.'),
  devices: z
    .union([z.literal('all'), z.array(z.int().min(0)).min(1)])
    .optional()
    .describe(
      'Numbers of the GPUs that replicas are dealt to, one each, or all: every GPU there is. Any GPU where absent.',
    ),
  threads: z
    .union([z.literal('auto'), z.int().min(1)])
    .default('auto')
    .describe('ggml threads of a replica; auto measures how many are worth it, and leaves a core to everything else.'),
  gpuLayers: z
    .union([z.enum(['auto', 'max']), z.int().min(0)])
    .default('auto')
    .describe('Layers on the GPU; 0 is CPU only.'),
  cacheType: z
    .enum(cacheTypes)
    .default('f16')
    .describe(
      'Type of the numbers in the KV cache; q8_0 takes half the memory of f16. Quantised: with flash attention.',
    ),
  flashAttention: z
    .enum(flashAttentionSettings)
    .default('auto')
    .describe('Attention that needs less memory; auto is on wherever the device can do it and gains by it.'),
  cacheSharing: z
    .enum(cacheSharings)
    .default('project')
    .describe(
      'Whose prompts may share evaluated tokens: those of one project, or of all, who could then tell by the speed of an answer what others have sent.',
    ),
  load: z
    .enum(['start', 'demand'])
    .default('start')
    .describe('When it is loaded: with the server, as far as it fits, or by the first request.'),
  keepAliveSeconds: z
    .number()
    .min(0)
    .max(longestSeconds)
    .nullable()
    .default(null)
    .describe('How long it stays in memory without being used; null is for ever.'),
  price: priceSchema.default({ promptPerMillion: 0, completionPerMillion: 0 }),
});

const seconds = (fallback: number, description: string) =>
  z.number().positive().max(longestSeconds).default(fallback).describe(description);

/** sluice.config.json. Its published JSON Schema is printed by `sluice config schema`. */
export const configFileSchema = z.strictObject({
  $schema: z.string().optional(),
  models: z.array(modelSchema).min(1).optional().describe('The catalogue; the starter model where absent.'),
  limits: z
    .strictObject({
      maxN: z.int().min(1).default(8).describe('Largest n of a request.'),
      maxStop: z.int().min(0).default(16).describe('Most stop sequences of a request.'),
      requestBytes: z
        .int()
        .min(1024)
        .default(4_194_304)
        .describe('Largest request body or WebSocket message. Without a valid API key a body is at most 65536.'),
      queueRequests: z
        .int()
        .min(1)
        .default(256)
        .describe(
          'Most waiting requests per model; a key below its share may come on top of it, up to twice as many in all.',
        ),
      queuePromptTokens: z
        .int()
        .min(1)
        .default(262_144)
        .describe('Most waiting prompt tokens per model, shared in the same way.'),
      queueSeconds: seconds(60, 'Longest estimated wait before new requests are refused.'),
      modelMemoryBytes: z
        .int()
        .min(1)
        .optional()
        .describe('What the models in memory may take together; read from the GPU or the machine where absent.'),
      stepSeconds: seconds(
        120,
        'How long one step of an engine may take, or its load come no further, before it is taken for hung, and ended.',
      ),
      leaseSeconds: seconds(60, 'How long a reservation outlives its process.'),
    })
    .prefault({}),
  streams: z
    .strictObject({
      graceSeconds: z
        .number()
        .min(0)
        .max(longestSeconds)
        .default(10)
        .describe('How long a stream without readers runs on.'),
      firstReaderSeconds: seconds(30, 'How long a stream waits for its first reader.'),
      stallSeconds: seconds(10, 'How long a connected reader may stop reading.'),
      drainSeconds: z
        .number()
        .min(0)
        .max(longestSeconds)
        .default(60)
        .describe('How long running work may go on after SIGTERM.'),
      pingSeconds: seconds(12, 'WebSocket ping interval.'),
      pipelineWaitSeconds: seconds(5, 'How long a subscription waits for its completion to be created.'),
      checkpointMilliseconds: z.int().min(10).max(500).default(500).describe('How much running text a crash may lose.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      logSeconds: seconds(900, 'How long a finished token log stays in memory.'),
      logBytes: z.int().min(0).default(268_435_456).describe('Text of finished logs in memory, in all.'),
      contentDays: z.number().positive().default(30).describe('How long prompts, answers and metadata are kept.'),
      idempotencyHours: z.number().min(24).default(24).describe('How long idempotency keys are remembered.'),
    })
    .prefault({}),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/u, 'must be an ISO 4217 code such as USD')
    .default('USD'),
});

type ConfigFile = z.infer<typeof configFileSchema>;

/** The directory that holds package.json and models/, from src as from dist. */
export const packageDirectory = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const starterModel: z.input<typeof modelSchema> = {
  name: 'starter',
  source: 'file:models/starter.gguf',
  aliases: ['default', 'text-davinci-003', 'gpt-3.5-turbo', 'gpt-4o-mini'],
  contextSize: 2048,
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the whole configuration; throws ConfigError. `flags` win over the environment and have its names. */
export function loadConfig(flags: Environment = {}, environment: Environment = process.env): Config {
  const read = (name: string): string | undefined => flags[name] ?? (environment[name] || undefined);
  const configPath = read('SLUICE_CONFIG');
  const file = parseConfigFile(configPath);
  const host = read('SLUICE_HOST') ?? '127.0.0.1';
  const secret = parseSecret('SLUICE_SECRET', read('SLUICE_SECRET'));
  const previousSecret = parseSecret('SLUICE_PREVIOUS_SECRET', read('SLUICE_PREVIOUS_SECRET'));
  if (previousSecret !== undefined && secret === undefined) {
    throw new ConfigError('SLUICE_PREVIOUS_SECRET: needs SLUICE_SECRET, the secret that replaces it');
  }
  return Object.freeze({
    host,
    port: parsePort(read('SLUICE_PORT') ?? '4000'),
    dataDirectory: resolve(read('SLUICE_DATA_DIR') ?? '.sluice'),
    adminKey: read('SLUICE_ADMIN_KEY'),
    secret,
    previousSecret,
    allowedOrigins: parseOrigins(read('SLUICE_ALLOWED_ORIGINS')),
    graphiql: parseSwitch('SLUICE_GRAPHIQL', read('SLUICE_GRAPHIQL')) ?? isLoopback(host),
    logLevel: parseLogLevel(read('SLUICE_LOG_LEVEL') ?? 'info'),
    databaseUrl: parseDatabaseUrl(read('DATABASE_URL')),
    models: (file.models ?? [modelSchema.parse(starterModel)]).map(toCatalogueModel),
    baseDirectory: file.models && configPath ? dirname(resolve(configPath)) : packageDirectory,
    limits: file.limits,
    streams: file.streams,
    retention: file.retention,
    currency: file.currency,
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => !isOwnSetting(name))),
  });
}

/** What a client of a running server needs of the environment. */
export interface ClientConfig {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly dataDirectory: string;
}

export function loadClientConfig(flags: Environment = {}, environment: Environment = process.env): ClientConfig {
  const read = (name: string): string | undefined => flags[name] ?? (environment[name] || undefined);
  return {
    url: read('SLUICE_URL'),
    apiKey: read('SLUICE_API_KEY'),
    dataDirectory: resolve(read('SLUICE_DATA_DIR') ?? '.sluice'),
  };
}

function isOwnSetting(name: string): boolean {
  return name.startsWith('SLUICE_') || name === 'DATABASE_URL' || name === 'REDIS_URL';
}

function parseConfigFile(path: string | undefined): ConfigFile {
  if (path === undefined) return configFileSchema.parse({});
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`SLUICE_CONFIG: cannot read ${path}: ${(error as Error).message}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: is not valid JSON: ${(error as Error).message}`);
  }
  const parsed = configFileSchema.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
    throw new ConfigError(`${path}: ${issues.join('; ')}`);
  }
  rejectAmbiguousNames(path, parsed.data);
  rejectUnreadableCaches(path, parsed.data);
  return parsed.data;
}

function rejectAmbiguousNames(path: string, file: ConfigFile): void {
  const seen = new Set<string>();
  for (const name of (file.models ?? []).flatMap((model) => [model.name, ...model.aliases])) {
    if (seen.has(name)) throw new ConfigError(`${path}: models: the name or alias "${name}" is given twice`);
    seen.add(name);
  }
}

function rejectUnreadableCaches(path: string, file: ConfigFile): void {
  for (const [index, { cacheType, flashAttention }] of (file.models ?? []).entries()) {
    if (flashAttention !== 'off' || !needsFlashAttention(cacheType)) continue;
    throw new ConfigError(
      `${path}: models.${index}.cacheType: ${cacheType} needs flash attention: leave flashAttention "auto" or "on", or use f16`,
    );
  }
}

function toCatalogueModel({
  price,
  sha256,
  devices,
  replicas,
  ...model
}: z.output<typeof modelSchema>): CatalogueModel {
  return {
    ...model,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(devices === undefined ? {} : { devices }),
    price: toPrice(price),
  };
}

function toPrice(price: z.infer<typeof priceSchema>): ModelPrice {
  // A price per million in units is 10⁻⁶ of a unit per token, and so 10³ nanos per token.
  const nanosPerToken = (perMillion: number): bigint => BigInt(Math.round(perMillion * 1_000));
  return {
    promptNanosPerToken: nanosPerToken(price.promptPerMillion),
    completionNanosPerToken: nanosPerToken(price.completionPerMillion),
  };
}

function parseSecret(name: string, text: string | undefined): string | undefined {
  if (text !== undefined && text.length < shortestSecret) {
    throw new ConfigError(`${name}: must have at least ${shortestSecret} characters`);
  }
  return text;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/u.test(text) || port > 65_535) throw new ConfigError(`SLUICE_PORT: "${text}" is not a port (0 to 65535)`);
  return port;
}

function parseOrigins(text: string | undefined): readonly string[] {
  const origins = (text ?? '')
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean);
  for (const origin of origins) {
    const meant = origin === '*' ? origin : originOf(origin);
    if (meant === origin) continue;
    const advice =
      meant === undefined ? 'such as https://app.example.com, or *' : `as browsers send it: write ${meant}`;
    throw new ConfigError(`SLUICE_ALLOWED_ORIGINS: "${origin}" is not an origin ${advice}`);
  }
  return origins;
}

/** The origin of a page at the address, as its browser sends it; undefined where there is none. */
function originOf(address: string): string | undefined {
  if (!/^[a-z][a-z\d+.-]*:\/\//iu.test(address) || !URL.canParse(address)) return undefined;
  const { protocol, host, origin } = new URL(address);
  if (host === '' || host.includes('*')) return undefined;
  // Of a scheme that the standard does not know (an extension's, a desktop application's) it tells no origin.
  return origin === 'null' ? `${protocol}//${host}` : origin;
}

function parseSwitch(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 'true', 'on', 'yes'].includes(text)) return true;
  if (['0', 'false', 'off', 'no'].includes(text)) return false;
  throw new ConfigError(`${name}: "${text}" is neither true nor false`);
}

function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (!level) throw new ConfigError(`SLUICE_LOG_LEVEL: "${text}" is not one of ${logLevels.join(', ')}`);
  return level;
}

function parseDatabaseUrl(text: string | undefined): string | undefined {
  if (text !== undefined && !/^postgres(ql)?:\/\//u.test(text)) {
    throw new ConfigError('DATABASE_URL: must start with postgresql:// (leave it unset for the embedded database)');
  }
  return text;
}

/** Whether only this machine can reach a server on the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./u.test(host);
}
