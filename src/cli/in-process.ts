import type { Config } from '../config.ts';
import { dataOf, type GraphqlResult } from './client.ts';
import type { Connection, Variables } from './connection.ts';
import type { Terminal } from './terminal.ts';

/** The store itself, opened by this process as its operator: the same documents against the same schema, without a server. */
export async function openInProcess(config: Config, terminal: Pick<Terminal, 'note'>): Promise<Connection> {
  const { openOperatorSession } = await import('../app.ts');
  const session = await openOperatorSession(config);
  // On stderr: what the command prints may go to a program.
  if (session.adminSecret) {
    terminal.note(`The admin key of this installation, shown this once: ${session.adminSecret}`);
  }
  return {
    async execute<Data>(document: string, variables: Variables = {}): Promise<Data> {
      return dataOf<Data>((await session.execute(document, variables)) as GraphqlResult);
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
