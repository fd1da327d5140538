import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import DataloaderPlugin from '@pothos/plugin-dataloader';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin, { type AuthFailure } from '@pothos/plugin-scope-auth';
import { DomainError } from '../contracts/errors.ts';
import type { JsonValue } from '../contracts/json.ts';
import type { Scope } from '../contracts/stores/api-keys.ts';
import { hasScope } from '../domain/access/principal.ts';
import { complexityError, operationLimits } from './complexity.ts';
import type { GraphqlContext } from './context.ts';
import { decodeId, encodeId } from './ids.ts';

interface SchemaShape {
  Context: GraphqlContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: { authenticated: boolean; scope: Scope };
  Scalars: {
    ID: { Input: string; Output: string };
    BigInt: { Input: bigint; Output: bigint | number };
    DateTime: { Input: Date; Output: Date };
    Decimal: { Input: bigint; Output: bigint };
    JSON: { Input: JsonValue; Output: JsonValue };
    UInt32: { Input: number; Output: number };
  };
}

export const builder = new SchemaBuilder<SchemaShape>({
  // The first is the outermost: what complexity and access refuse never becomes a typed error.
  plugins: [ComplexityPlugin, ScopeAuthPlugin, ErrorsPlugin, DataloaderPlugin, RelayPlugin],
  defaultFieldNullability: false,
  complexity: { limit: operationLimits, complexityError },
  errors: { directResult: true },
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ principal }) => ({
      authenticated: principal !== null,
      scope: (scope) => principal !== null && hasScope(principal, scope),
    }),
    unauthorizedError: (_parent, { principal }, _info, { failure }) => {
      if (principal === null)
        return new DomainError('UNAUTHENTICATED', 'Send an API key: Authorization: Bearer slc_….');
      const scope = missingScope(failure);
      return new DomainError('FORBIDDEN', `This needs an API key${scope ? ` with the scope ${scope}` : ''}.`);
    },
  },
  relay: {
    encodeGlobalID: (noun, id) => encodeId(noun, String(id)),
    decodeGlobalID: (globalId) => {
      const { noun, id } = decodeId(globalId) ?? { noun: '', id: '' };
      return { typename: noun, id };
    },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    cursorType: 'String',
    nodeTypeOptions: { description: 'Anything with a global id, which `node` and `nodes` answer for.' },
    idFieldOptions: { description: 'Global id: opaque, unique over all types, sorts in no meaningful order.' },
    pageInfoTypeOptions: { description: 'Where a page lies in its connection (Relay).' },
    hasNextPageFieldOptions: { description: 'Whether there are rows after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether there are rows before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first row of the page; null where it is empty.' },
    endCursorFieldOptions: { description: 'Cursor of the last row of the page; null where it is empty.' },
    edgesFieldOptions: {
      nullable: false,
      description: 'The rows of the page, newest first.',
      complexity: { field: 1, multiplier: 1 },
    },
    nodeFieldOptions: { nullable: false, description: 'The row.' },
    cursorFieldOptions: { description: 'Opaque position of this row, for `after` and `before`.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the connection.' },
    firstArgOptions: {
      description: 'Page size, 1 to 100, reading forward (newest first). Give exactly one of first and last.',
    },
    afterArgOptions: { description: 'With `first`: start behind the row of this cursor.' },
    lastArgOptions: { description: 'Page size, 1 to 100, reading backward. Give exactly one of first and last.' },
    beforeArgOptions: { description: 'With `last`: end before the row of this cursor.' },
  },
});

builder.queryType({ description: 'Reads. Every field needs an API key; each says which scope.' });
builder.mutationType({
  description:
    'Changes. Each takes one `input` and answers with a union of its payload and typed errors; UNAUTHENTICATED, FORBIDDEN and INTERNAL are top-level errors.',
});
builder.subscriptionType({ description: 'Observes what mutations created; starts and bills nothing.' });

function missingScope(failure: AuthFailure): string | undefined {
  if (failure.kind === 'AuthScope') return failure.scope === 'scope' ? String(failure.parameter) : undefined;
  if (!('failures' in failure)) return undefined;
  return failure.failures.map(missingScope).find((scope) => scope !== undefined);
}
