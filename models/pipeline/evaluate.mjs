// Judges the exported file in the engine that serves it: held-out accuracy by use, and
// the prompts of acceptance.json by their rules.
//
//   node models/pipeline/evaluate.mjs models/starter.gguf

import { readFileSync } from 'node:fs';
import { getLlama, LlamaChatSession, LlamaCompletion } from 'node-llama-cpp';
import { acceptable, right } from './judge.mjs';

const readJson = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
const { sampling, prompts } = readJson('acceptance.json');
const greedy = { temperature: 0, maxTokens: sampling.maxTokens };

const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'warn' });
const model = await llama.loadModel({ modelPath: process.argv[2] });
const context = await model.createContext({ contextSize: 1024, threads: 1 });
const sequence = context.getSequence();

/** Text and self-ending of the answer to a prompt, as a chat turn or as bare text. */
async function answer(form, prompt, options) {
  await sequence.clearHistory();
  if (form === 'chat') {
    const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt: '' });
    const { responseText, stopReason } = await session.promptWithMeta(prompt, options);
    session.dispose({ disposeSequence: false });
    return { text: responseText.trim(), ended: stopReason === 'eogToken' };
  }
  const completion = new LlamaCompletion({ contextSequence: sequence });
  const { response, metadata } = await completion.generateCompletionWithMeta(prompt, options);
  completion.dispose({ disposeSequence: false });
  return { text: response.trim(), ended: metadata.stopReason === 'eogToken' };
}

const uses = new Map();
for (const item of readJson('heldout.json')) {
  const given = await answer(item.form, item.prompt, greedy);
  const tally = uses.get(item.use) ?? { right: 0, ended: 0, all: 0 };
  tally.all += 1;
  tally.ended += given.ended ? 1 : 0;
  if (right(given, item)) tally.right += 1;
  else console.log('wrong', item.form, JSON.stringify(item.prompt), '->', JSON.stringify(given.text.slice(0, 120)));
  uses.set(item.use, tally);
}
for (const [use, tally] of uses) console.log(`${use}: ${tally.right} of ${tally.all} right, ${tally.ended} ended`);

for (const rule of prompts) {
  for (const form of ['chat', 'raw']) {
    const still = await answer(form, rule.prompt, greedy);
    console.log(`\n${form} | ${rule.prompt} | ${acceptable(still, rule) ? 'accepted' : 'refused'}\n${still.text}`);
    let accepted = 0;
    for (const seed of sampling.seeds) {
      const { topK, topP } = sampling;
      const drawn = await answer(form, rule.prompt, { ...greedy, temperature: 0.7, topK, topP, seed });
      if (acceptable(drawn, rule)) accepted += 1;
      else console.log(`refused, seed ${seed}: ${drawn.text}`);
    }
    console.log(`temperature 0.7: ${accepted} of ${sampling.seeds.length}`);
  }
}
process.exit(0);
