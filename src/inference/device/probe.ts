import { DomainError } from '../../contracts/errors.ts';
import { compiledFile } from '../../lib/compiled-file.ts';
import type { Settle } from '../../lib/settle.ts';
import { abortable } from '../abortable.ts';
import type { Environment, startChild } from '../child-process.ts';
import type { Log } from '../log.ts';
import type { FromDeviceProbe, ToDeviceProbe } from '../protocol.ts';
import type { Device } from './device.ts';

export interface ProbeOptions {
  readonly environment: Environment;
  readonly hangSeconds: number;
  readonly log: Log;
}

/**
 * What GPUs there are; unknown where looking at them failed. Throws MODEL_UNAVAILABLE where it could not begin, and the signal's reason.
 */
export async function probeDevice(
  { environment, hangSeconds, log }: ProbeOptions,
  signal: AbortSignal,
  start: typeof startChild,
): Promise<Device> {
  signal.throwIfAborted();
  let answer: Settle<Device> | undefined;
  await using child = start<ToDeviceProbe, FromDeviceProbe>({
    file: compiledFile(import.meta.url, 'main'),
    label: 'device probe',
    environment,
    hangSeconds,
    stallSeconds: Number.POSITIVE_INFINITY,
    log,
    receive({ device }) {
      answer?.resolve(device);
      answer = undefined;
    },
    ended(reason) {
      if (child.pid === undefined) {
        log('error', `device probe ${reason}`);
        answer?.reject(notStarted(reason));
      } else if (answer !== undefined) {
        log('warn', `device probe ${reason}: whether there is a GPU is left to each engine`);
        answer.resolve({ type: 'unknown' });
      }
    },
  });
  return await abortable<Device>(signal, (settle) => {
    answer = settle;
    return () => {
      answer = undefined;
    };
  });
}

function notStarted(reason: string): DomainError {
  const message = `The GPUs cannot be looked at: the process for that ${reason}.`;
  return new DomainError('MODEL_UNAVAILABLE', message, { retryAfterSeconds: 1 });
}
