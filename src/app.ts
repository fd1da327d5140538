import { randomBytes, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExecutionResult, graphql } from 'graphql';
import { createMemoryJobs } from './bus/memory/jobs.ts';
import { createMemorySignals } from './bus/memory/signals.ts';
import { createMemoryTokenLog } from './bus/memory/token-log.ts';
import type { Config } from './config.ts';
import type { Inference } from './contracts/inference.ts';
import type { Logger } from './contracts/logger.ts';
import type { Store } from './contracts/stores/store.ts';
import { type Authenticator, createAuthenticator } from './domain/access/authenticate.ts';
import { type Principal, principalOf } from './domain/access/principal.ts';
import { createPrincipalWatch, type PrincipalWatch } from './domain/access/principal-watch.ts';
import { requireKnownSecret } from './domain/access/server-secret.ts';
import { createAudit } from './domain/audit/audit.ts';
import { createAbandonment } from './domain/completions/abandonment.ts';
import { createCheckpoints } from './domain/completions/checkpoints.ts';
import { createCompletions } from './domain/completions/completions.ts';
import { createCompletionCreator } from './domain/completions/create.ts';
import { createCreations } from './domain/completions/creations.ts';
import { createReadEvents } from './domain/completions/events.ts';
import { createForeignEnds } from './domain/completions/foreign-ends.ts';
import { createJustEnded } from './domain/completions/just-ended.ts';
import { createLaunch } from './domain/completions/launch.ts';
import { createQueueReports } from './domain/completions/queue-reports.ts';
import { createRecovery } from './domain/completions/recovery.ts';
import { createRetention } from './domain/completions/retention.ts';
import { createRunner, type Runner } from './domain/completions/runner.ts';
import { createSettle } from './domain/completions/settle.ts';
import { createKeys } from './domain/keys/keys.ts';
import { createModels, findModel } from './domain/models/models.ts';
import { createPool } from './domain/pool/pool.ts';
import { createProjects } from './domain/projects/projects.ts';
import { createUsage } from './domain/usage/usage.ts';
import type { GraphqlContext, Services } from './graphql/context.ts';
import { createSchema } from './graphql/schema.ts';
import { createInference, type LocalInference } from './inference/create-inference.ts';
import { dealDevices } from './inference/device/deal-devices.ts';
import type { Log } from './inference/log.ts';
import { defaultTiming } from './inference/pool-timing.ts';
import { createDisposer, type Disposer } from './lib/disposer.ts';
import { silentLogger } from './logger.ts';
import { migrate as migrateStore, openStore, type StoreOptions } from './store/open.ts';
import { loadServerSecrets, rotateKeptSecret } from './store/secret-files.ts';

/** The composed service: adapters under the domain under what the faces call. Disposing it ends what runs and closes everything. */
export interface App extends AsyncDisposable {
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly principalWatch: PrincipalWatch;
  readonly store: Store;
  readonly inference: Inference;
  /** Who acts with server.json's token, or on the store itself. */
  readonly operator: Principal;
  readonly operatorToken: string;
  /** Makes the admin key of an installation that has none; its secret, only where this call made it. Call it when nothing can fail before it is shown. */
  makeAdminKey(): Promise<string | undefined>;
  /** Ends what dead processes left, then runs jobs. */
  run(): Promise<void>;
  readonly draining: boolean;
  /** Takes no new work; resolves when admitted work has ended, or was ended because the signal aborted. */
  drain(signal: AbortSignal): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** In place of the llama.cpp pool, for tests of our own logic. */
  readonly inference?: Inference;
}

/** How long a stop waits for a database that does not answer; the lease's end then settles what is left. */
const settleOnStopMilliseconds = 5_000;

export async function openApp(options: AppOptions): Promise<App> {
  const opened = createDisposer();
  try {
    return await compose(options, opened);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose({ config, logger, inference: given }: AppOptions, opened: Disposer): Promise<App> {
  const { dataDirectory, limits, streams, retention } = config;
  const { leaseSeconds } = limits;
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });

  // Adapters
  const store = opened.use(await openStore(storeOptions(config, logger)));
  const pool = given ? undefined : await openInference(config, logger);
  const inference: Inference = opened.use(given ?? pool!);
  const signals = opened.use(createMemorySignals());
  const log = opened.use(createMemoryTokenLog({ retention }));
  const jobs = opened.use(
    createMemoryJobs({
      limits,
      slots: (model) => findModel(inference.models(), model)?.slotsInService ?? 1,
      ready: (model) => findModel(inference.models(), model)?.status === 'LOADED',
    }),
  );

  // Access
  const serverSecrets = await loadServerSecrets(config);
  await requireKnownSecret(store.instance, serverSecrets);
  const keys = createKeys({
    store,
    signals,
    serverSecrets,
    resolveModel: (name) => findModel(inference.models(), name)?.name,
  });
  if (config.adminKey !== undefined) await keys.ensureAdmin(config.adminKey);
  const operator = principalOf(await keys.ensureOperator());
  const operatorToken = randomBytes(32).toString('base64url');
  const apiKeys = store.apiKeys;
  const authenticator = opened.use(
    createAuthenticator({ apiKeys, signals, serverSecrets, operator: { token: operatorToken, principal: operator } }),
  );
  const principalWatch = opened.use(createPrincipalWatch({ apiKeys, signals }));

  // Completions
  const completions = store.completions;
  const giveUp = new AbortController();
  setMaxListeners(0, giveUp.signal); // Every settlement that waits for the database listens.
  let givingUp: NodeJS.Timeout | undefined;
  const giveUpSoon = () => {
    givingUp ??= setTimeout(() => giveUp.abort(), settleOnStopMilliseconds);
  };
  let draining = false;
  const abandonment = opened.use(createAbandonment({ log, jobs, ...streams }));
  const checkpoints = opened.use(
    createCheckpoints({ completions, lossMilliseconds: streams.checkpointMilliseconds, leaseSeconds, logger }),
  );
  const justEnded = createJustEnded();
  const foreignEnds = opened.use(createForeignEnds({ completions, log, logger }));
  const settle = createSettle({
    completions,
    log,
    checkpoints,
    abandonment,
    justEnded,
    foreignEnds,
    signals,
    logger,
    signal: giveUp.signal,
  });
  const creations = createCreations(completions);
  const queueReports = opened.use(createQueueReports({ jobs, log, logger }));
  const launch = createLaunch({ log, checkpoints, abandonment, queueReports });
  const models = createModels(inference);
  const accepting = () => !draining;
  const create = createCompletionCreator({ inference, jobs, store, models, launch, creations, limits, accepting });
  const readEvents = createReadEvents({ completions, log, creations, ...streams });

  let runner: Runner | undefined;
  return {
    services: {
      completions: createCompletions({ create, readEvents, completions, justEnded, jobs }),
      models,
      pool: createPool({ inference, jobs, models, audit: store.audit }),
      keys,
      projects: createProjects({ projects: store.projects, signals }),
      usage: createUsage({ store: store.usage, signals }),
      audit: createAudit(store.audit),
      limits,
      currency: config.currency,
    },
    authenticator,
    principalWatch,
    store,
    inference,
    operator,
    operatorToken,
    makeAdminKey: async () => (await keys.ensureAdmin(config.adminKey))?.secret,

    async run() {
      const recovery = opened.use(createRecovery({ store, inference, jobs, settle, launch, leaseSeconds, logger }));
      await recovery.recover();
      opened.use(createRetention({ completions, ...retention, logger }));
      runner = opened.use(
        createRunner({
          inference,
          jobs,
          log,
          completions,
          checkpoints,
          settle,
          abandonment,
          foreignEnds,
          logger,
          signal: giveUp.signal,
        }),
      );
      // So that the first request need not wait; a model that fails says so in `models` and in its requests' errors.
      void pool?.preload();
    },

    get draining() {
      return draining;
    },

    async drain(signal) {
      draining = true;
      signal.addEventListener('abort', giveUpSoon, { once: true });
      if (signal.aborted) giveUpSoon();
      try {
        await creations.ended(giveUp.signal);
        await runner?.drain(signal);
      } finally {
        signal.removeEventListener('abort', giveUpSoon);
      }
    },

    async [Symbol.asyncDispose]() {
      draining = true;
      giveUpSoon();
      await opened[Symbol.asyncDispose]();
      clearTimeout(givingUp);
    },
  };
}

async function openInference(
  { models, limits, baseDirectory, dataDirectory, environment }: Config,
  logger: Logger,
): Promise<LocalInference> {
  const log: Log = (level, message) => logger[level]({}, message);
  return createInference({
    models: await dealDevices(models, { environment, hangSeconds: defaultTiming.hangSeconds, log }),
    baseDirectory,
    timing: { stallSeconds: limits.stepSeconds },
    modelsDirectory: join(dataDirectory, 'models'),
    environment,
    ...(limits.modelMemoryBytes !== undefined && { memoryBytes: limits.modelMemoryBytes }),
    log,
  });
}

function storeOptions({ databaseUrl, dataDirectory }: Config, logger: Logger): StoreOptions {
  return { databaseUrl, dataDirectory, log: logger };
}

/** Brings the database to this version's schema; the names of the migrations that were applied now. */
export async function migrate(config: Config): Promise<readonly string[]> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  return migrateStore(storeOptions(config, silentLogger));
}

/** Makes another server secret for the next start; where the one before is kept until every key has moved to the new one. */
export function rotateSecret(config: Config): Promise<{ readonly previous: string }> {
  return rotateKeptSecret(config);
}

/** The store itself, entered as the operator: what the command line uses where no server runs. It runs no completions. */
export async function openOperatorSession(config: Config): Promise<OperatorSession> {
  const app = await openApp({ config, logger: silentLogger });
  const adminSecret = await app.makeAdminKey().catch(async (error) => {
    await app[Symbol.asyncDispose]();
    throw error;
  });
  const schema = createSchema();
  return {
    adminSecret,
    execute(document, variables) {
      const contextValue: GraphqlContext = {
        principal: app.operator,
        services: app.services,
        requestId: randomUUID(),
        signal: new AbortController().signal,
      };
      return Promise.resolve(graphql({ schema, source: document, variableValues: variables, contextValue }));
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

export interface OperatorSession extends AsyncDisposable {
  /** The admin key's secret, only where this was the first start: to be shown once. */
  readonly adminSecret: string | undefined;
  execute(document: string, variables: Readonly<Record<string, unknown>>): Promise<ExecutionResult>;
}
