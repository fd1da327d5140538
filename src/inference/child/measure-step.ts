import type { Log } from '../log.ts';
import type { ChoiceSampling } from '../protocol.ts';
import type { MeasureStep } from './choose-threads.ts';
import type { Decoder } from './decoder.ts';

const mostSteps = 8;
const enoughMilliseconds = 100;

/** Times single steps of one sequence, of which nothing is left afterwards. Nothing else may be running on the decoder. */
export function stepMeasure(decoder: Decoder, log: Log, now = () => performance.now()): MeasureStep {
  let warm = false;

  /** The mean: a step that waits for a core now and then is what hindering threads look like. */
  return async (threads) => {
    decoder.useThreads(threads);
    using sampler = decoder.sampler(greedy);
    let position = 0;
    const step = () => decoder.step([{ sequence: 0, position: position++, tokens: [0], sampler }]);
    if (!warm) await step(); // reads the weights
    warm = true;
    const began = now();
    let steps = 0;
    do await step();
    while (++steps < mostSteps && now() - began < enoughMilliseconds);
    const milliseconds = (now() - began) / steps;
    decoder.keep(0, 0);
    log('debug', `${milliseconds.toFixed(2)} ms a step with ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
    return milliseconds;
  };
}

const greedy: ChoiceSampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  seed: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repeatPenalty: 1,
  logitBias: [],
};
