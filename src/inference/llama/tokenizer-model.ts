import { stat } from 'node:fs/promises';
import {
  type Llama,
  type LlamaModel,
  LlamaText,
  LlamaVocabularyType,
  SpecialTokensText,
  type Token,
} from 'node-llama-cpp';
import type { ModelFacts } from '../../contracts/inference.ts';
import { messageOf } from '../../lib/message-of.ts';
import type { Log } from '../log.ts';
import type { TokenizerInput, TokenizerRefusal, TokenizerRequest } from '../protocol.ts';
import { type ChatTemplate, createChatTemplate, type TemplateMessage } from '../tokenizer/chat-template.ts';
import { attentionFacts } from './attention-facts.ts';
import { openLlama, withLastComplaint } from './open-llama.ts';

export type TokenizerOutcome =
  | { readonly type: 'tokens'; readonly tokens: readonly number[] }
  | { readonly type: 'refused'; readonly refusal: TokenizerRefusal };

/** The vocabularies that are open, one for each path; opened by the first request that needs it in that version. */
export interface TokenizerModels {
  tokenize(request: TokenizerRequest): Promise<TokenizerOutcome>;
}

export interface TokenizerEvents {
  readonly log: Log;
  opening(modelPath: string): void;
  opened(file: OpenFile, facts: ModelFacts): void;
}

type OpenFile = Pick<TokenizerRequest, 'modelPath' | 'fileVersion'>;

interface TokenizerModel {
  readonly model: LlamaModel;
  readonly template: ChatTemplate | undefined;
  /** Undefined where a vocabulary may shrink text, so that its length proves nothing. */
  readonly longestTokenBytes: number | undefined;
}

export function createTokenizerModels(events: TokenizerEvents): TokenizerModels {
  const models = new Map<string, { readonly fileVersion: string; readonly opening: Promise<TokenizerModel> }>();
  /** One after the other, so that a complaint of the library is about one file. */
  let lastOpening: Promise<unknown> = Promise.resolve();

  function open(file: OpenFile): Promise<TokenizerModel> {
    const { modelPath, fileVersion } = file;
    const known = models.get(modelPath);
    if (known?.fileVersion === fileVersion) return known.opening;
    const opening = lastOpening.then(async () => {
      await known?.opening.then(({ model }) => model.dispose()).catch(() => {});
      events.opening(modelPath);
      return openModel(file, events);
    });
    lastOpening = opening.catch(() => {});
    const entry = { fileVersion, opening };
    models.set(modelPath, entry);
    // A file that could not be read is tried again by the next request.
    opening.catch(() => {
      if (models.get(modelPath) === entry) models.delete(modelPath);
    });
    return opening;
  }

  return {
    async tokenize({ modelPath, fileVersion, contextSize, input }) {
      let opened: TokenizerModel;
      try {
        opened = await open({ modelPath, fileVersion });
      } catch (error) {
        return { type: 'refused', refusal: { reason: 'unreadable', message: messageOf(error) } };
      }
      const atLeastTokens = leastTokens(input, opened.longestTokenBytes);
      if (atLeastTokens > contextSize) return { type: 'refused', refusal: { reason: 'too-long', atLeastTokens } };
      try {
        if (input.type === 'text') return { type: 'tokens', tokens: tokenizeText(opened.model, input.text) };
        if (opened.template === undefined) return { type: 'refused', refusal: { reason: 'no-template' } };
        return tokenizeMessages(opened.model, opened.template, input.messages);
      } catch (error) {
        return { type: 'refused', refusal: { reason: 'failed', message: messageOf(error) } };
      }
    },
  };
}

let sharedLlama: Promise<Llama> | undefined;

function openModel(file: OpenFile, events: TokenizerEvents): Promise<TokenizerModel> {
  return withLastComplaint(events.log, async (log) => {
    sharedLlama ??= openLlama({ gpu: false, threads: 1, log: events.log });
    const llama = await sharedLlama;
    llama.logger = (level, message) =>
      log(level === 'error' || level === 'fatal' ? 'error' : 'debug', message.trimEnd());
    const model = await llama.loadModel({ modelPath: file.modelPath, vocabOnly: true });
    const template = templateOf(model, log);
    events.opened(file, await factsOf(model, file.modelPath, template !== undefined));
    return { model, template, longestTokenBytes: longestTokenBytes(model) };
  });
}

/** A template that cannot be parsed leaves the model without one: raw prompts do not need it. */
function templateOf(model: LlamaModel, log: Log): ChatTemplate | undefined {
  const source = model.fileInfo.metadata.tokenizer?.chat_template;
  if (typeof source !== 'string' || source.trim() === '') return undefined;
  try {
    return createChatTemplate(source, { bos: model.tokens.bosString ?? '', eos: model.tokens.eosString ?? '' });
  } catch (error) {
    log('warn', `the chat template of ${model.filename} cannot be used: ${messageOf(error)}`);
    return undefined;
  }
}

async function factsOf(model: LlamaModel, modelPath: string, hasChatTemplate: boolean): Promise<ModelFacts> {
  const { metadata, fullTensorInfo } = model.fileInfo;
  const parameters = (fullTensorInfo ?? []).reduce(
    (sum, tensor) => sum + tensor.dimensions.reduce<number>((product, size) => product * Number(size), 1),
    0,
  );
  return {
    architecture: metadata.general.architecture,
    parameters,
    sizeBytes: (await stat(modelPath)).size,
    trainContextSize: model.fileInsights.trainContextSize ?? 0,
    vocabularySize: metadata.tokenizer.ggml.tokens.length,
    hasChatTemplate,
    ...attentionFacts(model),
  };
}

/** An upper bound; one more than was seen, because a token's leading space is not shown by itself. */
function longestTokenBytes(model: LlamaModel): number | undefined {
  const { bpe, spm } = LlamaVocabularyType;
  if (model.vocabularyType !== bpe && model.vocabularyType !== spm) return undefined;
  let longest = 4;
  for (const token of model.iterateAllTokens()) {
    longest = Math.max(longest, Buffer.byteLength(model.detokenize([token], true)) + 1);
  }
  return longest;
}

function leastTokens(input: TokenizerInput, longest: number | undefined): number {
  if (longest === undefined) return 0;
  const texts = input.type === 'text' ? [input.text] : input.messages.map(({ content }) => content);
  return Math.ceil(texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) / longest);
}

function tokenizeText(model: LlamaModel, text: string): number[] {
  return withBeginning(model, model.tokenize(text, false));
}

function tokenizeMessages(
  model: LlamaModel,
  template: ChatTemplate,
  messages: readonly TemplateMessage[],
): TokenizerOutcome {
  let rendered: { whole: string; parts: ReturnType<ChatTemplate['renderParts']> };
  try {
    rendered = { whole: template.render(messages), parts: template.renderParts(messages) };
  } catch (error) {
    return { type: 'refused', refusal: { reason: 'template', message: messageOf(error) } };
  }
  const apart = LlamaText(
    rendered.parts.map(({ type, text }) => (type === 'template' ? new SpecialTokensText(text) : text)),
  ).tokenize(model.tokenizer);
  // As one text, tokens may span the border of template and content, as in training. That stands only where no content
  // has become a control token.
  const asOne = model.tokenize(rendered.whole, true);
  const honest = sameTokens(controlTokens(model, asOne), controlTokens(model, apart));
  return { type: 'tokens', tokens: withBeginning(model, honest ? asOne : apart) };
}

function controlTokens(model: LlamaModel, tokens: readonly Token[]): Token[] {
  return tokens.filter((token) => model.isSpecialToken(token));
}

function sameTokens(a: readonly Token[], b: readonly Token[]): boolean {
  return a.length === b.length && a.every((token, index) => token === b[index]);
}

/** The beginning-of-text token where the model wants one, and only one. */
function withBeginning(model: LlamaModel, tokens: Token[]): Token[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  if (!shouldPrependBosToken || bos === null || tokens[0] === bos) return tokens;
  return [bos, ...tokens];
}
