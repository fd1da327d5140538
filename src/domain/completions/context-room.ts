import { DomainError } from '../../contracts/errors.ts';
import type { ModelDescription } from '../../contracts/inference.ts';

/** How long an answer may become: as asked, else as the model has it, within its context. Throws CONTEXT_LENGTH_EXCEEDED. */
export function chooseMaxTokens(model: ModelDescription, promptTokens: number, asked: number | undefined): number {
  const left = model.contextSize - promptTokens;
  if (left >= 1 && (asked === undefined || asked <= left)) return asked ?? Math.min(model.defaultMaxTokens, left);
  const [needs, advice] =
    left < 1
      ? [`The prompt has ${promptTokens} tokens, and the answer needs at least one`, 'Shorten the prompt.']
      : [
          `The prompt's ${promptTokens} tokens and maxTokens ${asked} come to ${promptTokens + asked!}`,
          'Shorten the prompt or lower maxTokens.',
        ];
  throw new DomainError(
    'CONTEXT_LENGTH_EXCEEDED',
    `${needs}; the model ${model.name} holds ${model.contextSize} tokens. ${advice}`,
    { promptTokens, contextSize: model.contextSize },
  );
}
