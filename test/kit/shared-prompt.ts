import type { Inference } from '../../src/contracts/inference.ts';
import { forever, type Generated, generate, job } from './generate.ts';

/** What two prompts share: all but the last token of each. */
export const sharedTokens: readonly number[] = [1, ...Array.from({ length: 63 }, (_, i) => 300 + i)];
const lastTokens = [400, 401] as const;

function ask(inference: Inference, model: string, last: number, cacheScope: string, onPart?: () => void) {
  return generate(inference, job(model, [...sharedTokens, last], { cacheScope, maxTokens: 24 }), forever, onPart);
}

/** The answers to both prompts, of which the second is asked while the first is answered. */
export function askTogether(inference: Inference, model: string): Promise<[Generated, Generated]> {
  return new Promise((resolve, reject) => {
    let second: Promise<Generated> | undefined;
    ask(inference, model, lastTokens[0], 'together', () => {
      second ??= ask(inference, model, lastTokens[1], 'together');
    })
      .then(async (first) => resolve([first, await second!]))
      .catch(reject);
  });
}

/** The answers to both, neither of which knows the other. */
export async function askApart(inference: Inference, model: string): Promise<[Generated, Generated]> {
  return [await ask(inference, model, lastTokens[0], 'one'), await ask(inference, model, lastTokens[1], 'other')];
}
