import { compiledFile } from '../../lib/compiled-file.ts';
import { type Environment, startChild } from '../child-process.ts';
import type { Device, FromDeviceProbe, Log, ToDeviceProbe } from '../protocol.ts';

export interface ProbeOptions {
  readonly environment: Environment;
  readonly hangSeconds: number;
  readonly log: Log;
}

/** What GPUs there are; unknown where looking at them failed. */
export async function probeDevice({ environment, hangSeconds, log }: ProbeOptions): Promise<Device> {
  const { promise, resolve } = withResolver<Device>();
  let hasAnswered = false;
  await using _child = startChild<ToDeviceProbe, FromDeviceProbe>({
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
      log('warn', `device probe ${reason}: whether there is a GPU is left to each engine`);
      resolve({ type: 'unknown' });
    },
  });
  return await promise;
}

function withResolver<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
