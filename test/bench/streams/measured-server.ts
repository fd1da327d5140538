import { answerRequests } from '../child.ts';
import type { Measured, ServerRequest, Target } from './messages.ts';
import type { Producer } from './producer-link.ts';

/** Serves as a process of the benchmark: produces on request, and says what that cost. */
export function serveMeasured(producer: Producer, server: AsyncDisposable & Omit<Target, 'stepPort'>): void {
  const { url, authorization } = server;
  let before = process.cpuUsage();

  answerRequests<ServerRequest | { readonly type: 'target' }>(
    (request) => {
      switch (request.type) {
        case 'target':
          return { url, stepPort: producer.stepPort, ...(authorization && { authorization }) } satisfies Target;
        case 'start':
          before = process.cpuUsage();
          return producer.start(request.load);
        case 'measure': {
          const { user, system } = process.cpuUsage(before);
          return { cpuMicroseconds: user + system } satisfies Measured;
        }
        case 'finish':
          return producer.finish();
        default:
          return request satisfies never;
      }
    },
    async () => {
      await producer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  );
}
