import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A process of the benchmark that answers requests. */
export interface Child<Request> extends AsyncDisposable {
  request<Answer>(request: Request): Promise<Answer>;
}

export interface ChildOptions {
  readonly execArgv?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

interface Envelope<Body> {
  readonly id: number;
  readonly body: Body;
  readonly error?: string;
}

/** Starts a module, such as `new URL('readers.ts', import.meta.url)`, in a process of its own. */
export function startChild<Request>(module: URL, options: ChildOptions = {}): Child<Request> {
  const { execArgv = [], environment = {} } = options;
  const name = basename(module.pathname, '.ts');
  const child: ChildProcess = fork(fileURLToPath(module), [], {
    execArgv: ['--import', 'tsx', ...execArgv],
    env: { ...process.env, ...environment },
  });
  const exited = once(child, 'exit');
  const pending = new Map<number, PromiseWithResolvers<never>>();
  let lastId = 0;
  child.on('message', ({ id, body, error }: Envelope<never>) => {
    const { resolve, reject } = pending.get(id)!;
    pending.delete(id);
    if (error === undefined) resolve(body);
    else reject(new Error(`${name}: ${error}`));
  });
  void exited.then(([code]) => {
    for (const { reject } of pending.values()) reject(new Error(`${name} ended with ${code}`));
  });
  return {
    request: <Answer>(body: Request) =>
      new Promise<Answer>((resolve, reject) => {
        const id = ++lastId;
        pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id, body } satisfies Envelope<Request>);
      }),
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

interface PromiseWithResolvers<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** The other end: answers until the benchmark lets go, then closes. */
export function answerRequests<Request>(answer: (request: Request) => unknown, close: () => unknown): void {
  process.on('message', async ({ id, body }: Envelope<Request>) => {
    try {
      process.send?.({ id, body: (await answer(body)) ?? null });
    } catch (error) {
      process.send?.({ id, body: null, error: String(error) });
    }
  });
  process.once('disconnect', async () => {
    await close();
    process.exit();
  });
}
