/** What ends a command: one clear line for the user (what is wrong, and what to do), and the exit status. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    message: string,
    readonly exitCode = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The connection broke off: what was asked may be asked again. */
export class ConnectionLost extends Failure {}

/** The user asked for the end: no error, but no success either. */
export class Interrupted extends Failure {}

/** The cause that says most: fetch and others wrap what the system said. */
export function rootMessage(error: unknown): string {
  let current: unknown = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  if (current instanceof AggregateError && current.errors.length > 0) return rootMessage(current.errors[0]);
  return current instanceof Error ? current.message || current.name : String(current);
}
