/**
 * How commands reach the service: GraphQL documents, whatever is behind. There are two implementations: a server (client.ts) and
 * the store itself, opened by this process while no server runs (in-process.ts).
 */
export interface Connection extends AsyncDisposable {
  /** Answers the data; throws a Failure with the first error's message. */
  execute<Data>(document: string, variables?: Variables): Promise<Data>;
}

export interface ServerConnection extends Connection {
  /** The server's address without a path. */
  readonly url: string;
  /**
   * One operation on one socket, which may take as long as it likes. Throws ConnectionLost when that breaks off: the caller knows where to go on from. Ends quietly
   * when the signal aborts.
   */
  subscribe<Data>(document: string, variables: Variables, signal: AbortSignal): AsyncIterable<Data>;
}

export type Variables = Readonly<Record<string, unknown>>;
