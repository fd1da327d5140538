import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { inferenceContract } from './suite.ts';

inferenceContract('scripted', async () => ({
  inference: createScriptedInference([{ name: 'scripted', contextSize: 512, slots: 3, reply: tale }]),
  model: 'scripted',
  prompt: 'Once upon a time there was',
}));

function tale(prompt: string): string {
  return Array.from({ length: 500 }, (_, word) => ` ${prompt.slice(0, 4)}${word}`).join('');
}
