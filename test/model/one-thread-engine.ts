import { openEngine } from '../../src/inference/llama/open-engine.ts';
import type { EngineSettings } from '../../src/inference/protocol.ts';
import { decodedTexts } from '../kit/decoded-texts.ts';
import { greedyChoice } from '../kit/sampling.ts';

/** An engine as its process has it, with one thread for the jobs of the event loop: what it says, before and after a step that fails. */
export interface OneThreadOutcome {
  readonly texts: readonly string[];
  readonly failure: string;
  readonly textsAfterwards: readonly string[];
}

const engine = await openEngine(JSON.parse(process.argv[2]!) as EngineSettings, () => {});
const texts = await decodedTexts(engine);
const failure = await failingStep();
const outcome: OneThreadOutcome = { texts, failure, textsAfterwards: await decodedTexts(engine) };
process.send!(outcome, () => process.exit());

/** A sequence has no gaps: a token that leaves one is not evaluated. */
async function failingStep(): Promise<string> {
  const { decoder } = engine;
  using sampler = decoder.sampler(greedyChoice);
  decoder.keep(0, 0);
  await decoder.step([{ sequence: 0, position: 0, tokens: [1, 300], sampler }]);
  const failure = await decoder.step([{ sequence: 0, position: 9, tokens: [301], sampler }]).then(String, String);
  decoder.keep(0, 0);
  return failure;
}
