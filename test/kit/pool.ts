import type { ExecutionResult } from 'graphql';
import { type Client, expectNoErrors } from './client.ts';

export interface PoolReplicaView {
  readonly index: number;
  readonly state: string;
  readonly error: string | null;
  readonly retryAt: string | null;
  readonly slots: number;
  readonly slotsBusy: number;
  readonly tokensPerSecond: number;
  readonly tokensPerStep: number | null;
  readonly restarts: number;
  readonly engine: {
    readonly device: string;
    readonly gpuLayers: number;
    readonly layers: number;
    readonly memoryBytes: string;
    readonly gpuMemoryBytes: string;
    readonly threads: number;
    readonly flashAttention: boolean;
    readonly cacheType: string;
    readonly copiesPrompts: boolean;
  } | null;
}

export interface PoolModelView {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly status: string;
  readonly error: string | null;
  readonly reservedBytes: string;
  readonly waiting: number;
  readonly oldestWaitSeconds: number | null;
  readonly replicas: readonly PoolReplicaView[];
}

export interface PoolPlaceView {
  readonly name: string;
  readonly bytes: string;
  readonly reservedBytes: string;
}

export interface PoolEventView {
  readonly type: 'CURRENT' | 'STATE' | 'RESTART' | 'FIGURES';
  readonly at: string;
  readonly model: PoolModelView;
}

const modelFields = `name aliases status error reservedBytes waiting oldestWaitSeconds replicas { index state error retryAt
  slots slotsBusy tokensPerSecond tokensPerStep restarts
  engine { device gpuLayers layers memoryBytes gpuMemoryBytes threads flashAttention cacheType copiesPrompts } }`;

export async function pool(client: Client) {
  const answer = await client.execute<{
    pool: {
      readonly memoryBytes: string | null;
      readonly places: readonly PoolPlaceView[];
      readonly models: readonly PoolModelView[];
    };
  }>(`{ pool { memoryBytes places { name bytes reservedBytes } models { ${modelFields} } } }`);
  return answer.pool;
}

export async function pooledModel(client: Client, name: string): Promise<PoolModelView> {
  return (await pool(client)).models.find((model) => model.name === name)!;
}

/** Events of the pool as they come; `until` takes them up to the first that fits, and answers all it took. */
export function watchPool(client: Client) {
  const events = client.subscribe<{ poolEvents: PoolEventView }>(
    `subscription { poolEvents { type at model { ${modelFields} } } }`,
  );
  return {
    async until(fits: (event: PoolEventView) => boolean): Promise<PoolEventView[]> {
      const taken: PoolEventView[] = [];
      for (;;) {
        const { value, done } = await events.next();
        if (done) throw new Error('the pool tells no more');
        const { poolEvents } = expectNoErrors(value as ExecutionResult<{ poolEvents: PoolEventView }>);
        taken.push(poolEvents);
        if (fits(poolEvents)) return taken;
      }
    },
    async [Symbol.asyncDispose]() {
      await events.return!();
    },
  };
}
