import { StoreUnavailableError } from '../contracts/stores/store.ts';

/** Codes of Node, PostgreSQL and Prisma for "the database does not answer", as opposed to "it answered no". */
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // PostgreSQL: no room on the disk or in memory, or the disk fails.
  '53000',
  '53100',
  '53200',
  '58030',
  // PostgreSQL: cannot connect, too many connections, read-only (a standby after a failover), shutting down or starting up,
  // a statement cancelled (by the timeout of the session) or a lock not had in time.
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '53300',
  '25006',
  '57014',
  '57P01',
  '57P02',
  '57P03',
  '55P03',
  // PostgreSQL undid the transaction because of another; repeating it is all there is to do.
  '40001',
  '40P01',
  // Who asks may not enter: for us the database is as good as away.
  '28000',
  '28P01',
  '3D000',
  // Prisma: unreachable, timed out, closed, no connection or transaction in time, too many connections, write conflict.
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  'P2037',
]);

/** What Prisma's driver adapter turned an error into, of which it keeps no code. */
const unavailableKinds = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
  'TransactionWriteConflict',
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
]);

/** Of a connection that broke under a statement, in all the ways in which that is said. */
const lostReasons = new Set([
  'ECONNRESET',
  'EPIPE',
  'ConnectionClosed',
  'SocketTimeout',
  'Connection terminated unexpectedly',
  'Connection ended unexpectedly',
  '08006',
  '57P01',
  '57P02',
]);

/** pg reports these without a code. */
const unavailableMessage =
  /^(Connection terminated unexpectedly|Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end|timeout expired|Connection ended unexpectedly)/;

/** The error as StoreUnavailableError where it means that, with a message that is ours and so holds no password. */
export function asUnavailable(error: unknown, label: string): StoreUnavailableError | undefined {
  if (error instanceof StoreUnavailableError) return error;
  const reason = unavailabilityOf(error);
  if (reason === undefined) return undefined;
  const facts = { cause: error, answerLost: lostReasons.has(reason) };
  return new StoreUnavailableError(`the database (${label}) does not answer: ${reason}`, facts);
}

function unavailabilityOf(error: unknown): string | undefined {
  for (const link of chainOf(error)) {
    if (typeof link.code === 'string' && unavailableCodes.has(link.code)) return link.code;
    if (typeof link.originalCode === 'string' && unavailableCodes.has(link.originalCode)) return link.originalCode;
    if (typeof link.kind === 'string' && unavailableKinds.has(link.kind)) return link.kind;
    const message = typeof link.message === 'string' ? unavailableMessage.exec(link.message)?.[0] : undefined;
    if (message) return message;
  }
  return undefined;
}

interface ErrorLike {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly kind?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown };
}

/** The error and what it stands for: causes, the members of an aggregate (a host with several addresses), Prisma's driver error. */
function* chainOf(error: unknown, depth = 0): Generator<ErrorLike> {
  if (typeof error !== 'object' || error === null || depth > 6) return;
  const link = error as ErrorLike;
  yield link;
  yield* chainOf(link.cause, depth + 1);
  yield* chainOf(link.meta?.driverAdapterError, depth + 1);
  if (Array.isArray(link.errors)) for (const member of link.errors) yield* chainOf(member, depth + 1);
}

/** The same methods, which throw StoreUnavailableError where the database did not answer; everything else passes as it is. */
export function namingUnavailability<Methods extends object>(methods: Methods, label: string): Methods {
  const wrapped = Object.entries(methods).map(([name, method]: [string, (...args: unknown[]) => Promise<unknown>]) => [
    name,
    async (...args: unknown[]) => {
      try {
        return await method(...args);
      } catch (error) {
        throw asUnavailable(error, label) ?? error;
      }
    },
  ]);
  return Object.fromEntries(wrapped) as Methods;
}
