/** A row as SQL of our own returns it, with Prisma's names for its columns. */
export function camelCaseKeys<Row extends object>(row: object): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [camelCase(key), value])) as Row;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** For parameters of SQL of our own: Prisma would write a Date without its zone. */
export function timestamp(date: Date): string;
export function timestamp(date: Date | null): string | null;
export function timestamp(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Of ids that came from outside, those that can exist: PostgreSQL refuses a whole statement for one that is no UUID. */
export function possibleIds<RowId extends string>(ids: readonly RowId[]): RowId[] {
  return ids.filter((id) => uuid.test(id));
}

export function isPossibleId(id: string): boolean {
  return uuid.test(id);
}
