import { createHash } from 'node:crypto';
import type { SqlQuery } from '@prisma/driver-adapter-utils';

/** Statements that start with this are few and always the same text: worth keeping prepared on each connection. */
export const prepared = '/* prepared */';

/**
 * Names the statements that are kept prepared. All others (Prisma's own vary with the number of ids they ask for) go unnamed, so that
 * no connection gathers them without end.
 */
export function preparedStatementName({ sql }: Pick<SqlQuery, 'sql'>): string {
  if (!sql.startsWith(prepared)) return '';
  const name = names.get(sql) ?? `sluice_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
  names.set(sql, name);
  return name;
}

const names = new Map<string, string>();
