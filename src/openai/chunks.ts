import type { Completion } from '../contracts/stores/completions.ts';
import type { FinishReasonBody, UsageBody } from './responses.ts';

/**
 * The chunks of one stream as JSON texts. What all of them share is written once, so that a chunk costs no more than its text.
 * Indices are OpenAI's: over all prompts.
 */
export interface Chunks {
  /** What a choice begins with; undefined where nothing does. */
  role(index: number): string | undefined;
  text(index: number, text: string): string;
  finish(index: number, reason: FinishReasonBody): string;
  usage(usage: UsageBody): string;
}

/** With the usage asked for, every chunk has the field, and it is null in all but the last. */
export function chatChunks(completion: Completion, withUsage: boolean): Chunks {
  const head = headOf(chatId(completion), 'chat.completion.chunk', completion);
  const tail = withUsage ? '],"usage":null}' : ']}';
  const chunk = (index: number, delta: string, reason: string) =>
    `${head}{"index":${index},"delta":${delta},"logprobs":null,"finish_reason":${reason}}${tail}`;
  return {
    role: (index) => chunk(index, '{"role":"assistant","content":"","refusal":null}', 'null'),
    text: (index, text) => chunk(index, `{"content":${JSON.stringify(text)}}`, 'null'),
    finish: (index, reason) => chunk(index, '{}', `"${reason}"`),
    usage: (usage) => `${head}],"usage":${JSON.stringify(usage)}}`,
  };
}

export function completionChunks(completion: Completion, withUsage: boolean): Chunks {
  const head = headOf(completionId(completion), 'text_completion', completion);
  const tail = withUsage ? '],"usage":null}' : ']}';
  const chunk = (index: number, text: string, reason: string) =>
    `${head}{"index":${index},"text":${text},"logprobs":null,"finish_reason":${reason}}${tail}`;
  return {
    role: () => undefined,
    text: (index, text) => chunk(index, JSON.stringify(text), 'null'),
    finish: (index, reason) => chunk(index, '""', `"${reason}"`),
    usage: (usage) => `${head}],"usage":${JSON.stringify(usage)}}`,
  };
}

export function chatId({ id }: Completion): string {
  return `chatcmpl-${id}`;
}

export function completionId({ id }: Completion): string {
  return `cmpl-${id}`;
}

/** Unix time in seconds. */
export function createdSeconds({ createdAt }: Completion): number {
  return Math.floor(createdAt.getTime() / 1_000);
}

function headOf(id: string, object: string, completion: Completion): string {
  const fields = JSON.stringify({ id, object, created: createdSeconds(completion), model: completion.model });
  return `${fields.slice(0, -1)},"choices":[`;
}
