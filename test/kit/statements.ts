import pg from 'pg';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface RecordedStatements extends Disposable {
  readonly statements: readonly Statement[];
}

/** What this process sends to its databases from now on, over whatever connection, until disposed. */
export function recordStatements(): RecordedStatements {
  const statements: Statement[] = [];
  const { prototype } = pg.Client;
  const original = prototype.query;
  prototype.query = function recording(this: pg.Client, query: string | pg.QueryConfig, ...rest: unknown[]) {
    const [values = []] = rest;
    if (typeof query === 'string') statements.push({ text: query, values: Array.isArray(values) ? values : [] });
    else if (typeof query.text === 'string') statements.push({ text: query.text, values: query.values ?? [] });
    return Reflect.apply(original, this, [query, ...rest]);
  } as typeof original;
  return {
    statements,
    [Symbol.dispose]() {
      prototype.query = original;
    },
  };
}
