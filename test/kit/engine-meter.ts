import type { CompletionId } from '../../src/contracts/ids.ts';
import type { Inference } from '../../src/contracts/inference.ts';

/** What an engine did for a completion at a moment: it took the prompt, or it produced tokens. */
export interface Produced {
  readonly completionId: CompletionId;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** Counts at the engine itself, before anybody else has heard of it, so that what is billed can be held against it. */
export function meterEngine<T extends Inference>(engine: T, report: (produced: Produced) => void): T {
  return Object.assign(Object.create(engine) as T, {
    async *generate(...work: Parameters<Inference['generate']>) {
      const [{ completionId, promptTokens }] = work;
      for await (const part of engine.generate(...work)) {
        const at = Date.now();
        // From its start on, the prompt was evaluated: it is billed, also where no token follows.
        if (part.type === 'started')
          report({ completionId, promptTokens: promptTokens.length, completionTokens: 0, at });
        if (part.type === 'delta') {
          const tokens = part.choices.reduce((sum, choice) => sum + choice.tokens, 0);
          report({ completionId, promptTokens: 0, completionTokens: tokens, at });
        }
        yield part;
      }
    },
  });
}
