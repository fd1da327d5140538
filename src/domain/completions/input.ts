import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ChatMessage, PromptInput, Sampling } from '../../contracts/inference.ts';
import type { JsonValue } from '../../contracts/json.ts';
import { type CompletionMode, completionModes } from '../../contracts/stores/completions.ts';
import { holdsMoreValues } from '../../lib/holds-more-values.ts';
import { invalidInput, parseInput } from '../parse-input.ts';
import { storableText, text } from '../text.ts';

/** A request whose every value is in range and filled with its default; what depends on the model comes later. */
export interface CheckedCompletionInput {
  readonly model: string;
  readonly prompt: PromptInput;
  readonly mode: CompletionMode;
  /** Undefined: the model's default, lowered to what quota and context leave. */
  readonly maxTokens: number | undefined;
  readonly n: number;
  readonly stop: readonly string[];
  /** The seed is undefined where the caller gave none. */
  readonly sampling: Omit<Sampling, 'seed'> & { readonly seed: number | undefined };
  readonly user: string | null;
  readonly metadata: JsonValue;
  readonly idempotencyKey: string | null;
  /** What its request holds besides, where that asks for several completions: a fingerprint, for the idempotency key to stand for. */
  readonly partOf?: string;
  readonly priority: number;
  readonly timeoutSeconds: number;
  readonly store: boolean;
}

export interface InputLimits {
  readonly maxN: number;
  readonly maxStop: number;
}

const metadataBytes = 16_384;
const stopCharacters = 512;

const message = z.strictObject({
  role: z.enum(['SYSTEM', 'USER', 'ASSISTANT']),
  content: text,
});

/** Checked up to the first that is none: a prompt may hold millions of them. */
const tokenIds = z
  .array(z.unknown())
  .min(1, 'must not be empty')
  .transform((ids, context): readonly number[] => {
    const bad = ids.findIndex((id) => !isTokenId(id));
    if (bad >= 0) context.addIssue({ code: 'custom', path: [bad], message: 'is not a token id' });
    return ids as number[];
  });

function isTokenId(id: unknown): boolean {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31;
}

const promptShape = {
  prompt: text.min(1, 'must not be empty').nullish(),
  messages: z.array(message).min(1, 'must not be empty').max(1_000).nullish(),
};

const number = (minimum: number, maximum: number) => z.number().min(minimum).max(maximum).nullish();
const tokenId = z.string().regex(/^\d{1,9}$/u, 'is not a token id');

/** Counted first, here and in metadata: of very many entries that are wrong, every one would be described. */
const logitBias = z
  .unknown()
  .refine((bias) => !holdsMoreValues(bias, 1_024), 'holds more than 1024 tokens')
  .pipe(z.record(tokenId, z.number().min(-100).max(100)));

function completionSchema({ maxN, maxStop }: InputLimits) {
  return z.strictObject({
    ...promptShape,
    tokens: tokenIds.nullish(),
    model: z.string().min(1, 'must not be empty'),
    mode: z.enum(completionModes).nullish(),
    maxTokens: z.int().min(1).nullish(),
    n: z.int().min(1).max(maxN).nullish(),
    stop: z.array(text.min(1, 'must not be empty').max(stopCharacters)).max(maxStop).nullish(),
    temperature: number(0, 2),
    topP: number(0, 1),
    topK: z.int().min(0).max(1_000_000).nullish(),
    minP: number(0, 1),
    seed: z.int().min(0).max(4_294_967_295).nullish(),
    presencePenalty: number(-2, 2),
    frequencyPenalty: number(-2, 2),
    repeatPenalty: number(0.1, 10),
    logitBias: logitBias.nullish(),
    user: storableText.max(255).nullish(),
    metadata: z
      .unknown()
      .refine((value) => !holdsMoreValues(value, metadataBytes), `is over ${metadataBytes} bytes`)
      .pipe(z.json())
      .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= metadataBytes, `is over ${metadataBytes} bytes`)
      .nullish(),
    idempotencyKey: storableText.min(1, 'must not be empty').max(255).nullish(),
    partOf: z.string().max(255).nullish(),
    priority: z.int().min(-100).max(100).nullish(),
    timeoutSeconds: z.number().positive().max(86_400).nullish(),
    store: z.boolean().nullish(),
  });
}

/** Checks a request; throws INVALID_INPUT with every issue. Made once: a schema is slow to build and to warm up. */
export function createCompletionInputCheck(limits: InputLimits): (raw: unknown) => CheckedCompletionInput {
  const schema = completionSchema(limits);
  return (raw) => withDefaults(parseInput(schema, raw));
}

function withDefaults({
  prompt,
  messages,
  tokens,
  ...input
}: z.output<ReturnType<typeof completionSchema>>): CheckedCompletionInput {
  return {
    prompt: exactlyOnePrompt(prompt, messages, tokens),
    model: input.model,
    mode: input.mode ?? 'WAIT',
    maxTokens: input.maxTokens ?? undefined,
    n: input.n ?? 1,
    stop: [...new Set(input.stop ?? [])],
    sampling: {
      temperature: input.temperature ?? 1,
      topP: input.topP ?? 1,
      topK: input.topK ?? 0,
      minP: input.minP ?? 0,
      seed: input.seed ?? undefined,
      presencePenalty: input.presencePenalty ?? 0,
      frequencyPenalty: input.frequencyPenalty ?? 0,
      repeatPenalty: input.repeatPenalty ?? 1,
      logitBias: new Map(Object.entries(input.logitBias ?? {}).map(([token, bias]) => [Number(token), bias])),
    },
    user: input.user ?? null,
    metadata: (input.metadata ?? null) as JsonValue,
    idempotencyKey: input.idempotencyKey ?? null,
    ...(input.partOf ? { partOf: input.partOf } : {}),
    priority: input.priority ?? 0,
    timeoutSeconds: input.timeoutSeconds ?? 600,
    store: input.store ?? true,
  };
}

const promptSchema = z.strictObject(promptShape);

/** Checks a prompt alone (`{ prompt }` or `{ messages }`). */
export function checkPromptInput(raw: unknown): PromptInput {
  const { prompt, messages } = parseInput(promptSchema, raw);
  return exactlyOnePrompt(prompt, messages);
}

const promptNames = { text: 'prompt', messages: 'messages', tokens: 'tokens' } as const;

function exactlyOnePrompt(
  prompt: string | null | undefined,
  messages: readonly ChatMessage[] | null | undefined,
  tokens?: readonly number[] | null,
): PromptInput {
  const given: PromptInput[] = [];
  if (typeof prompt === 'string') given.push({ type: 'text', text: prompt });
  if (messages) given.push({ type: 'messages', messages });
  if (tokens) given.push({ type: 'tokens', tokens });
  const [only] = given;
  if (only && given.length === 1) return only;
  const found = only ? given.map(({ type }) => promptNames[type]).join(' and ') : 'none';
  throw invalidInput([
    { path: ['prompt'], code: 'exactly_one', message: `give exactly one of prompt and messages: ${found} given` },
  ]);
}

/**
 * What an idempotency key stands for: the normalised input (defaults filled in, model resolved), so that a retry which spells a
 * default out, or uses an alias, is the same request.
 */
export function hashInput(input: CheckedCompletionInput, model: string): Uint8Array {
  const { idempotencyKey: _, ...rest } = { ...input, model };
  const normalised = { ...rest, sampling: { ...rest.sampling, logitBias: [...rest.sampling.logitBias] } };
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(normalised)))
    .digest();
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, entry]) => [key, sortKeys(entry)]));
}
