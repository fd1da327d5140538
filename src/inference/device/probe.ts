import { DomainError } from '../../contracts/errors.ts';
import { compiledFile } from '../../lib/compiled-file.ts';
import { type Environment, startChild } from '../child-process.ts';
import type { Device, FromDeviceProbe, Log, ToDeviceProbe } from '../protocol.ts';

export interface ProbeOptions {
  readonly environment: Environment;
  readonly hangSeconds: number;
  readonly log: Log;
}

/** What GPUs there are; unknown where looking at them failed. Throws MODEL_UNAVAILABLE where it could not begin. */
export async function probeDevice({ environment, hangSeconds, log }: ProbeOptions): Promise<Device> {
  const { promise, resolve, reject } = withResolvers<Device>();
  let hasAnswered = false;
  await using child = startChild<ToDeviceProbe, FromDeviceProbe>({
    file: compiledFile(import.meta.url, 'main'),
    label: 'device probe',
    environment,
    hangSeconds,
    stallSeconds: Number.POSITIVE_INFINITY,
    log,
    receive({ device }) {
      hasAnswered = true;
      resolve(device);
    },
    ended(reason) {
      if (hasAnswered) return;
      if (child.pid === undefined) {
        log('error', `device probe ${reason}`);
        const message = `The GPUs cannot be looked at: the process for that ${reason}. Try again in 1 s.`;
        return reject(new DomainError('MODEL_UNAVAILABLE', message, { retryAfterSeconds: 1 }));
      }
      log('warn', `device probe ${reason}: whether there is a GPU is left to each engine`);
      resolve({ type: 'unknown' });
    },
  });
  return await promise;
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}
