import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/contracts/stores/api-keys.ts';
import { maskError } from '../../../src/graphql/errors.ts';
import { codesOf, completionId, globalId, open, principalWith, query, schema, silentLogger } from './fixtures.ts';

const scopeOfRoot: Record<string, Scope | 'any key'> = {
  'query.node': 'any key',
  'query.nodes': 'any key',
  'query.viewer': 'any key',
  'query.apiKeys': 'any key',
  'query.models': 'MODELS_READ',
  'query.model': 'MODELS_READ',
  'query.completion': 'COMPLETIONS',
  'query.completions': 'COMPLETIONS',
  'query.pool': 'ADMIN',
  'query.projects': 'ADMIN',
  'query.auditEvents': 'ADMIN',
  'query.tokenize': 'COMPLETIONS',
  'query.usage': 'USAGE_READ',
  'query.usageRecords': 'USAGE_READ',
  'mutation.createCompletion': 'COMPLETIONS',
  'mutation.cancelCompletion': 'COMPLETIONS',
  'mutation.createApiKey': 'ADMIN',
  'mutation.revokeApiKey': 'ADMIN',
  'mutation.updateApiKey': 'ADMIN',
  'mutation.rotateApiKey': 'ADMIN',
  'mutation.createProject': 'ADMIN',
  'mutation.updateProject': 'ADMIN',
  'mutation.archiveProject': 'ADMIN',
  'mutation.loadModel': 'ADMIN',
  'mutation.unloadModel': 'ADMIN',
  'subscription.completionEvents': 'COMPLETIONS',
  'subscription.poolEvents': 'ADMIN',
  'subscription.usageEvents': 'USAGE_READ',
};

const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()] as GraphQLObjectType[];
const fields = roots.flatMap((root) =>
  Object.values(root.getFields()).map((field) => {
    const operation = root.name.toLowerCase();
    return { name: `${operation}.${field.name}`, source: `${operation} { ${call(field)} }` };
  }),
);

describe('every root field', () => {
  it('has a rule that this page knows', () => {
    expect(fields.map(({ name }) => name).sort()).toEqual(Object.keys(scopeOfRoot).sort());
  });

  it.each(fields)('refuses $name without a key as UNAUTHENTICATED', async ({ source }) => {
    expect(await codes(source, null)).toEqual(['UNAUTHENTICATED']);
  });

  it.each(fields)('answers $name to its scope, and others as FORBIDDEN', async ({ name, source }) => {
    const scope = scopeOfRoot[name]!;
    const others = (['EMBEDDINGS', 'MODELS_READ', 'USAGE_READ', 'COMPLETIONS'] as const).filter(
      (other) => other !== scope && !(scope === 'MODELS_READ' && other === 'COMPLETIONS'),
    );
    if (scope === 'any key') {
      expect(await codes(source, principalWith('EMBEDDINGS'))).not.toContain('FORBIDDEN');
      return;
    }
    expect(await codes(source, principalWith(scope))).toEqual([]);
    expect(await codes(source, principalWith('ADMIN'))).toEqual([]);
    expect(await codes(source, principalWith(...others))).toEqual(['FORBIDDEN']);
  });
});

it('answers __typename without a key', async () => {
  expect(await query('{ __typename }', { principal: null })).toEqual({ data: { __typename: 'Query' }, errors: [] });
});

async function codes(source: string, principal: ReturnType<typeof principalWith> | null): Promise<unknown[]> {
  if (!source.startsWith('subscription')) return codesOf(source, { principal });
  const opened = await open(source, { principal });
  if ('errors' in opened) return opened.errors.map((e) => maskError(e, 'request-1', silentLogger).extensions.code);
  await opened.return?.();
  return [];
}

/** The shortest call of a field: required arguments only, and of the answer no more than has to be named. */
function call(field: GraphQLField<unknown, unknown>): string {
  const required = field.args.filter(isRequiredArgument).map((arg) => `${arg.name}: ${literal(arg.name, arg.type)}`);
  const page = field.args.some(({ name }) => name === 'first') ? ['first: 1'] : [];
  const id =
    field.name === 'completionEvents' ? [`id: ${literal('id', schema.getType('ID') as GraphQLInputType)}`] : [];
  const args = [...required, ...page, ...id];
  return `${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${selection(field.type)}`;
}

function selection(type: GraphQLOutputType): string {
  return isLeafType(getNamedType(type)) ? '' : ' { __typename }';
}

function literal(name: string, type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(name, type.ofType);
  if (isListType(type)) return `[${literal(name, type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]!.name;
  if (isInputObjectType(type)) {
    const required = Object.values(type.getFields()).filter(isRequiredInputField);
    return `{ ${required.map((field) => `${field.name}: ${literal(field.name, field.type)}`).join(', ')} }`;
  }
  const moment = name === 'before' ? '2026-02-01T00:00:00Z' : '2026-01-01T00:00:00Z';
  const literals: Record<string, string> = {
    ID: `"${globalId('Completion', completionId())}"`,
    String: '"text"',
    Int: '1',
    DateTime: `"${moment}"`,
  };
  return literals[type.name]!;
}
