import type { CompletionId, ProjectId } from '../../src/contracts/ids.ts';
import type {
  ChoiceDelta,
  Inference,
  InferenceJob,
  InferencePart,
  InferenceUsage,
} from '../../src/contracts/inference.ts';

import { greedy } from './sampling.ts';

export const forever = new AbortController().signal;

export interface Generated {
  readonly parts: readonly InferencePart[];
  readonly choices: readonly ChoiceDelta[];
  readonly text: string;
  readonly usage: InferenceUsage;
}

export function job(model: string, promptTokens: readonly number[], changes: Partial<InferenceJob> = {}): InferenceJob {
  return {
    completionId: 'completion' as CompletionId,
    model,
    cacheScope: 'project' as ProjectId,
    promptTokens,
    n: 1,
    maxTokens: 12,
    stop: [],
    sampling: greedy,
    ...changes,
  };
}

/** Runs a job on a slot of its own to its end; `onPart` sees every part as it comes. */
export async function generate(
  inference: Inference,
  work: InferenceJob,
  signal: AbortSignal = forever,
  onPart: (part: InferencePart) => void = () => {},
): Promise<Generated> {
  using slot = await inference.acquireSlot(work.model, forever);
  const parts: InferencePart[] = [];
  for await (const part of inference.generate(work, slot, signal)) {
    parts.push(part);
    onPart(part);
  }
  return summarise(parts);
}

export function summarise(parts: readonly InferencePart[]): Generated {
  const choices: ChoiceDelta[] = [];
  for (const part of parts) {
    if (part.type !== 'delta') continue;
    for (const delta of part.choices) {
      const before = choices[delta.index];
      if (before?.finishReason !== undefined) throw new Error(`choice ${delta.index} went on after its end`);
      choices[delta.index] = before
        ? { ...before, ...delta, text: before.text + delta.text, tokens: before.tokens + delta.tokens }
        : delta;
    }
  }
  const last = parts.at(-1);
  if (last?.type !== 'finished') throw new Error('the parts do not end with finished');
  return { parts, choices, text: choices[0]?.text ?? '', usage: last.usage };
}
