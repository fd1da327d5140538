import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../bin/build-steps.mjs';
import { createProgress } from '../bin/progress.mjs';
import { connectionPool, embeddedAddress } from '../src/store/connection.ts';
import { openEmbeddedDatabase } from '../src/store/embedded.ts';
import { applyMigrations, migrationsFolder } from '../src/store/migrate.ts';
import { everything, openSchemaEngine } from '../src/store/schema-engine.ts';

/**
 * `npm run migration -- <name>`: writes the migration that takes the existing ones to schema.prisma. What `prisma migrate dev` does
 * elsewhere: that needs an engine to download and a database to connect to, this works on an empty embedded one.
 */
const name = process.argv[2];
if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) throw new Error('usage: npm run migration -- <name_in_snake_case>');

// The database's thread runs compiled. What else does not compile yet may be what waits for the migration.
await build(createProgress()).catch(() => {});

const schemaFile = fileURLToPath(new URL('schema.prisma', import.meta.url));
const content = await readFile(schemaFile, 'utf8');
const directory = await mkdtemp(path.join(tmpdir(), 'sluice-migration-'));
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const database = await openEmbeddedDatabase(directory, log);
const pool = connectionPool(embeddedAddress(database.host, database.port));
try {
  await applyMigrations(pool, 'public');
  const engine = await openSchemaEngine({ pool, datamodels: [[schemaFile, content]] });
  const files = [{ path: schemaFile, content }];
  const { stdout: script } = await engine.diff({
    from: { tag: 'schemaDatasource', files, configDir: path.dirname(schemaFile) },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    filters: { ...everything, externalTables: ['public._prisma_migrations'] },
  });
  if (script && !script.includes('This is an empty migration')) {
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const folder = path.join(migrationsFolder, `${stamp}_${name}`);
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'migration.sql'), script);
    console.log(
      `wrote ${path.relative(process.cwd(), folder)}/migration.sql: read it, add what a schema cannot say, commit it`,
    );
  } else {
    console.log('the migrations say all that schema.prisma does');
  }
} finally {
  await pool.end();
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}
