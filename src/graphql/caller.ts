import { DomainError } from '../contracts/errors.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { GraphqlContext } from './context.ts';

/** Who asks. Fields with an auth rule are never reached without a key; loaders behind them share this guard. */
export function caller({ principal }: GraphqlContext): Principal {
  if (principal === null) throw new DomainError('UNAUTHENTICATED', 'Send an API key: Authorization: Bearer slc_….');
  return principal;
}
