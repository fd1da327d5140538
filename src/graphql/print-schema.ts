import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges, lexicographicSortSchema, printSchema } from 'graphql';
import { createSchema } from './schema.ts';

/**
 * Prints schema.graphql at the root of the repository; with --check only says whether it is what the code prints.
 *
 * schema.graphql is the promise to clients: it is not overwritten with one that breaks them, unless --allow-breaking says so.
 */
const file = new URL('../../schema.graphql', import.meta.url);
const printed = `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
const promised = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
const broken = promised === undefined ? [] : findBreakingChanges(buildSchema(promised), buildSchema(printed));

if (process.argv.includes('--check')) {
  if (promised !== printed) fail('schema.graphql is stale: run `npm run schema`.');
} else if (broken.length > 0 && !process.argv.includes('--allow-breaking')) {
  fail(`This would break clients:\n${broken.map(({ description }) => `- ${description}`).join('\n')}`);
} else {
  writeFileSync(file, printed);
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}
