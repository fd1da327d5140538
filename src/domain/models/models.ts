import { DomainError } from '../../contracts/errors.ts';
import type { Inference, ModelDescription, PromptInput } from '../../contracts/inference.ts';
import { hasScope, type Principal, requireScope } from '../access/principal.ts';
import { checkPromptInput } from '../completions/input.ts';

/** The catalogue, as far as a principal may use it. */
export interface Models {
  list(principal: Principal): readonly ModelDescription[];
  /** By name or alias; undefined also where the key may not use it. */
  find(principal: Principal, name: string): ModelDescription | undefined;
  /** Like find, but throws MODEL_NOT_FOUND with what there is instead. */
  resolve(principal: Principal, name: string): ModelDescription;
  tokenize(principal: Principal, model: string, input: unknown, signal?: AbortSignal): Promise<TokenizeResult>;
}

export interface TokenizeResult {
  readonly model: string;
  readonly tokens: readonly number[];
  readonly contextSize: number;
}

export function createModels(inference: Inference): Models {
  function find(principal: Principal, name: string): ModelDescription | undefined {
    const model = findModel(inference.models(), name);
    return model && mayUse(principal, model) ? model : undefined;
  }

  function list(principal: Principal): readonly ModelDescription[] {
    return inference.models().filter((model) => mayUse(principal, model));
  }

  function resolve(principal: Principal, name: string): ModelDescription {
    const model = find(principal, name);
    if (model) return model;
    const names = list(principal).map((known) => known.name);
    const known = names.length > 0 ? ` Models for this key: ${names.join(', ')}.` : '';
    throw new DomainError('MODEL_NOT_FOUND', `There is no model "${name.slice(0, 100)}" for this API key.${known}`);
  }

  return {
    find,
    list,
    resolve,
    async tokenize(principal, name, input, signal) {
      requireScope(principal, 'COMPLETIONS');
      const prompt: PromptInput = checkPromptInput(input);
      const model = resolve(principal, name);
      const { tokens } = await inference.tokenize(model.name, prompt, signal);
      return { model: model.name, tokens, contextSize: model.contextSize };
    },
  };
}

/** By name or alias. */
export function findModel(models: readonly ModelDescription[], name: string): ModelDescription | undefined {
  return models.find((model) => model.name === name || model.aliases.includes(name));
}

function mayUse(principal: Principal, model: ModelDescription): boolean {
  if (!hasScope(principal, 'MODELS_READ')) return false;
  return principal.models === null || principal.models.includes(model.name);
}
