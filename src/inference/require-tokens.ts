import { DomainError } from '../contracts/errors.ts';

/** The tokens themselves; throws INVALID_INPUT at the first that a vocabulary of the size does not have. */
export function requireTokens(tokens: readonly number[], vocabularySize: number, model: string): readonly number[] {
  const unknown = tokens.findIndex((token) => token >= vocabularySize);
  if (unknown < 0) return tokens;
  const message = `${tokens[unknown]} is not a token of ${model}, whose ids go from 0 to ${vocabularySize - 1}`;
  throw new DomainError('INVALID_INPUT', `tokens.${unknown}: ${message}`, {
    issues: [{ path: ['tokens', String(unknown)], code: 'unknown_token', message }],
  });
}
