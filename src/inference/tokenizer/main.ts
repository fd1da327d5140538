import { connectToParent } from '../child/parent-link.ts';
import { createTokenizerModels } from '../llama/tokenizer-model.ts';
import type { FromTokenizer, ToTokenizer } from '../protocol.ts';

/** The tokenizer process: the vocabularies and templates of all models, without their weights, apart from the engines. */
const models = createTokenizerModels({
  log: (level, message) => link.log(level, message),
  opening: (modelPath) => link.send({ type: 'opening', modelPath }),
  opened: (file, facts) => link.send({ type: 'opened', ...file, facts }),
});

const link = connectToParent<ToTokenizer, FromTokenizer>(async (message) => {
  const { requestId, ...request } = message;
  const outcome = await models.tokenize(request);
  if (outcome.type === 'tokens') link.send({ type: 'tokens', requestId, tokens: outcome.tokens });
  else link.send({ type: 'refused', requestId, refusal: outcome.refusal });
});
