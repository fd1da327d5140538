import type { BatchEntry, Decoder, Sampler } from '../../../src/inference/child/decoder.ts';
import { greedyChoice } from '../../kit/sampling.ts';
import { answerRequests } from '../child.ts';
import { shipped } from '../shipped.ts';
import type { EngineRequest, Load, Measured } from './messages.ts';
import { createStopwatch } from './stopwatch.ts';

/** The engine alone, in a process like the service's own: no protocol, no text, no server. */
const { openEngine } =
  await shipped<typeof import('../../../src/inference/llama/open-engine.ts')>('inference/llama/open-engine');
let decoder: Decoder;

answerRequests<EngineRequest>(
  async (request) => {
    switch (request.type) {
      case 'open':
        ({ decoder } = await openEngine({ ...request, gpuLayers: 0 }, () => {}));
        return undefined;
      case 'loop':
        return run(request.load, true);
      case 'ceiling':
        return run(request.load, false);
      default:
        return request satisfies never;
    }
  },
  () => {},
);

async function run({ prompts, tokens }: Load, samples: boolean): Promise<Measured> {
  const streams = prompts.map((prompt, sequence) => {
    decoder.keep(sequence, 0);
    return { sequence, prompt, length: 0, last: 0, sampler: decoder.sampler(greedyChoice) };
  });
  const stopwatch = createStopwatch(streams.length);
  const wish = (sampler: Sampler) => (samples ? { sampler } : { logits: true });

  async function step(entries: BatchEntry[]): Promise<void> {
    const sampled = await decoder.step(entries);
    for (const [i, entry] of entries.entries()) {
      const stream = streams[entry.sequence]!;
      stream.length += entry.tokens.length;
      if (!entry.sampler && !entry.logits) continue;
      stream.last = sampled[i] ?? entry.tokens.at(-1)!;
      stopwatch.token(entry.sequence);
    }
  }

  for (const { sequence, prompt, sampler } of streams) {
    // A prompt at a time, as far as a batch goes.
    for (let start = 0; start < prompt.length; start += decoder.batchSize) {
      const chunk = prompt.slice(start, start + decoder.batchSize);
      const isLast = start + chunk.length === prompt.length;
      await step([{ sequence, position: start, tokens: chunk, ...(isLast && wish(sampler)) }]);
    }
  }
  for (let i = 1; i < tokens; i++) {
    await step(
      streams.map(({ sequence, length, last, sampler }) => {
        return { sequence, position: length, tokens: [last], ...wish(sampler) };
      }),
    );
  }
  for (const { sampler } of streams) sampler[Symbol.dispose]();
  return stopwatch.measured(streams.length * tokens);
}
