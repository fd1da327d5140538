import { DomainError } from '../contracts/errors.ts';
import type { InferenceUsage } from '../contracts/inference.ts';
import { type Generations, requireSuccess } from './generations.ts';
import type { FinishReasonBody } from './responses.ts';
import { toFinishReason } from './translate.ts';

export interface CollectedChoice {
  readonly text: string;
  readonly finishReason: FinishReasonBody;
}

export interface Collected {
  /** In the order of OpenAI's indices: those of the first prompt, then those of the second, and so on. */
  readonly choices: readonly CollectedChoice[];
  /** Of each completion. */
  readonly usages: readonly InferenceUsage[];
}

/** Reads to the end of all completions. Throws what ended one that did not succeed. */
export async function collect({ completions, events }: Generations): Promise<Collected> {
  const texts = completions.map(({ n }) => Array.from({ length: n }, () => ''));
  const reasons = completions.map(({ n }) => Array.from({ length: n }, (): FinishReasonBody => 'stop'));
  const usages = new Map<number, InferenceUsage>();
  for await (const { prompt, event } of events) {
    switch (event.type) {
      case 'queued':
      case 'started':
        break;
      case 'delta':
        for (const { index, text, finishReason } of event.choices) {
          texts[prompt]![index] += text;
          if (finishReason) reasons[prompt]![index] = toFinishReason(finishReason) ?? 'stop';
        }
        break;
      case 'finished':
      case 'failed':
      case 'cancelled':
        requireSuccess(event);
        usages.set(prompt, event.usage);
        break;
      default:
        event satisfies never;
    }
  }
  if (usages.size < completions.length) throw new DomainError('CANCELLED', 'The caller has left.');
  return {
    choices: texts.flatMap((ofPrompt, prompt) =>
      ofPrompt.map((text, index) => ({ text, finishReason: reasons[prompt]![index]! })),
    ),
    usages: completions.map((_, prompt) => usages.get(prompt)!),
  };
}
