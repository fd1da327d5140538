import { completionChunks, completionId, createdSeconds } from './chunks.ts';
import { OpenAiError } from './errors.ts';
import type { Generation } from './generate.ts';
import { parseBody } from './parse-body.ts';
import { completionRules } from './requests.ts';
import type { CompletionResponse } from './responses.ts';
import { completionInputs, toUsage } from './translate.ts';

/** `POST /v1/completions`, and its legacy path that names the model as an engine. */
export function completionGeneration(
  raw: unknown,
  idempotencyKey: string | undefined,
  engine: string | undefined,
): Generation {
  const body = parseBody(completionRules, raw);
  if (engine !== undefined && body.model !== undefined && body.model !== engine) {
    throw new OpenAiError(400, 'invalid_value', 'The path names the engine: leave model out.', 'model');
  }
  const model = engine ?? body.model;
  if (model === undefined) {
    throw new OpenAiError(400, 'missing_required_parameter', "Missing required parameter: 'model'.", 'model');
  }
  const inputs = completionInputs(body, model, idempotencyKey);
  return {
    inputs,
    repeatable: idempotencyKey !== undefined,
    resumable: idempotencyKey !== undefined && inputs.length === 1,
    stream: body.stream ?? false,
    withUsage: body.stream_options?.include_usage ?? false,
    chunks: completionChunks,
    response: (completion, { choices, usages }): CompletionResponse => ({
      id: completionId(completion),
      object: 'text_completion',
      created: createdSeconds(completion),
      model: completion.model,
      choices: choices.map(({ text, finishReason }, index) => ({
        text,
        index,
        logprobs: null,
        finish_reason: finishReason,
      })),
      usage: toUsage(usages),
    }),
  };
}
