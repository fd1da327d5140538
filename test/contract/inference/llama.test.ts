import { modelConfig, modelsAtHand, openInference } from '../../kit/models.ts';
import { inferenceContract } from './suite.ts';

for (const model of modelsAtHand()) {
  inferenceContract(`llama.cpp with ${model.name}`, async () => ({
    inference: openInference([modelConfig(model, { sequences: 3 })]),
    model: model.name,
    prompt: 'Once upon a time there was',
  }));
}
