import type { ComplexityErrorFn } from '@pothos/plugin-complexity';
import { DomainError } from '../contracts/errors.ts';

/** Generous: everything a client sensibly asks for at once fits ten times over. */
export const operationLimits = { depth: 12, breadth: 500, complexity: 10_000 };

export const complexityError: ComplexityErrorFn = (kind, measured) => {
  const what = kind.toLowerCase() as Lowercase<typeof kind>;
  return new DomainError(
    'INVALID_INPUT',
    `The operation's ${what} of ${measured[what]} is over ${operationLimits[what]}.`,
  );
};
