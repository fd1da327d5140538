import { DomainError } from '../contracts/errors.ts';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { Principal } from '../domain/access/principal.ts';

const scheme = /^Bearer +(\S+)$/iu;

/** The principal of an `authorization` value; null where there is none. Throws UNAUTHENTICATED. */
export async function authenticateHeader(
  authenticator: Authenticator,
  authorization: string | null | undefined,
): Promise<Principal | null> {
  if (!authorization) return null;
  const secret = scheme.exec(authorization.trim())?.[1];
  if (!secret) throw new DomainError('UNAUTHENTICATED', 'Send the API key as "Authorization: Bearer slc_…".');
  return authenticator.authenticate(secret);
}

/**
 * Whether the `authorization` value is a key that holds, or may be one where nobody can tell, as the database is away; why not is told with
 * the answer.
 */
export async function isAuthentic(authenticator: Authenticator, authorization: string | undefined): Promise<boolean> {
  try {
    return (await authenticateHeader(authenticator, authorization)) !== null;
  } catch (error) {
    return !(error instanceof DomainError && error.code === 'UNAUTHENTICATED');
  }
}
