import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
import type pg from 'pg';

export type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';

/** No table or enum is anybody else's. */
export const everything = { externalTables: [], externalEnums: [] };

export interface SchemaEngineOptions {
  readonly pool: pg.Pool;
  /** Hears of a script that failed, before the engine has its own say. */
  readonly onScriptError?: (error: unknown) => void;
  readonly datamodels?: [path: string, content: string][];
}

/** Prisma's schema engine, in process. It works through the pools it is given and never connects by itself. */
export async function openSchemaEngine(options: SchemaEngineOptions): Promise<engine.SchemaEngine> {
  await loadEngine();
  const adapters = bindMigrationAwareSqlAdapterFactory(adapterFactory(options));
  return engine.SchemaEngine.new({ datamodels: options.datamodels }, () => {}, adapters);
}

/** What we use of the platform's WebAssembly, which the types of Node do not describe. */
interface WasmPlatform {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: WasmExports } }>;
}
interface WasmExports {
  __wbindgen_start(): void;
}

/**
 * The package's glue keeps one instance in a variable of its own, so there is one of it per process, also where this module is
 * loaded more than once (as test runners do): a second instance under the first one's work would corrupt both.
 */
const loaded = Symbol.for('sluice.schema-engine.loaded');

function loadEngine(): Promise<void> {
  const shared = globalThis as { [loaded]?: Promise<void> };
  shared[loaded] ??= instantiate();
  return shared[loaded];
}

async function instantiate(): Promise<void> {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WasmPlatform };
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(path.join(path.dirname(glue), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': engine });
  // Where its glue leaves the message of a panic, which then arrives as an error of its own.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message() {} } });
  (engine as unknown as { __wbg_set_wasm(exports: WasmExports): void }).__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

function adapterFactory({ pool, onScriptError }: SchemaEngineOptions): SqlMigrationAwareDriverAdapterFactory {
  const prisma = new PrismaPg(pool);
  return {
    provider: prisma.provider,
    adapterName: prisma.adapterName,
    connect: () => adapter(pool, onScriptError),
    connectToShadowDb: () => {
      throw new Error('there is no shadow database');
    },
  };
}

async function adapter(pool: pg.Pool, onScriptError?: (error: unknown) => void) {
  const connected = await new PrismaPg(withKnownTypes(pool)).connect();
  // Prisma's own would cut the script at every semicolon, those inside of function bodies too, and send the pieces one by one.
  connected.executeScript = async (script) => {
    try {
      await pool.query(script);
    } catch (error) {
      onScriptError?.(error);
      throw error;
    }
  };
  return connected;
}

/**
 * The engine reads PostgreSQL's catalogue, where it meets a type that Prisma's adapter does not know (the one-byte "char") and, since
 * PostgreSQL 18, a kind of constraint that it does not know itself ('n', NOT NULL, which it reads elsewhere).
 */
function withKnownTypes(pool: pg.Pool): pg.Pool {
  const catalogueChar = 18;
  const character = 1042;
  const query = async (config: pg.QueryArrayConfig) => {
    const text = config.text.replace("contype NOT IN ('p', 'u', 'f')", "contype NOT IN ('p', 'u', 'f', 'n')");
    const result = await pool.query({ ...config, text });
    for (const field of result.fields) if (field.dataTypeID === catalogueChar) field.dataTypeID = character;
    return result;
  };
  return new Proxy(pool, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) });
}
