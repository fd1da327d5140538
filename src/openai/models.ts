import type { ModelDescription } from '../contracts/inference.ts';
import { type Principal, requireScope } from '../domain/access/principal.ts';
import type { OpenAiServices } from './context.ts';
import type { EngineResponse, ModelResponse } from './responses.ts';

/** The catalogue in OpenAI's terms: every name and alias is a model. */
export interface ModelCatalogue {
  list(principal: Principal): ModelResponse[];
  find(principal: Principal, id: string): ModelResponse;
  engines(principal: Principal): EngineResponse[];
  findEngine(principal: Principal, id: string): EngineResponse;
}

export function createModelCatalogue(models: OpenAiServices['models'], createdSeconds: number): ModelCatalogue {
  const toModel = (id: string, { name }: ModelDescription): ModelResponse => ({
    id,
    object: 'model',
    created: createdSeconds,
    owned_by: 'sluice',
    root: name,
    parent: null,
  });
  const toEngine = (id: string, { status }: ModelDescription): EngineResponse => ({
    id,
    object: 'engine',
    created: null,
    owner: 'sluice',
    permissions: null,
    ready: status !== 'FAILED',
  });

  function resolve(principal: Principal, id: string): ModelDescription {
    requireScope(principal, 'MODELS_READ');
    return models.resolve(principal, id);
  }

  function each<T>(principal: Principal, show: (id: string, model: ModelDescription) => T): T[] {
    requireScope(principal, 'MODELS_READ');
    return models.list(principal).flatMap((model) => [model.name, ...model.aliases].map((id) => show(id, model)));
  }

  return {
    list: (principal) => each(principal, toModel),
    find: (principal, id) => toModel(id, resolve(principal, id)),
    engines: (principal) => each(principal, toEngine),
    findEngine: (principal, id) => toEngine(id, resolve(principal, id)),
  };
}
