import { chatChunks, chatId, createdSeconds } from './chunks.ts';
import type { Generation } from './generate.ts';
import { parseBody } from './parse-body.ts';
import { chatRules } from './requests.ts';
import type { ChatResponse } from './responses.ts';
import { chatInput, toUsage } from './translate.ts';

/** `POST /v1/chat/completions` */
export function chatGeneration(raw: unknown, idempotencyKey: string | undefined): Generation {
  const body = parseBody(chatRules, raw);
  return {
    inputs: [chatInput(body, idempotencyKey)],
    repeatable: idempotencyKey !== undefined,
    resumable: idempotencyKey !== undefined,
    stream: body.stream ?? false,
    withUsage: body.stream_options?.include_usage ?? false,
    chunks: chatChunks,
    response: (completion, { choices, usages }): ChatResponse => ({
      id: chatId(completion),
      object: 'chat.completion',
      created: createdSeconds(completion),
      model: completion.model,
      choices: choices.map(({ text, finishReason }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: finishReason,
      })),
      usage: toUsage(usages),
    }),
  };
}
