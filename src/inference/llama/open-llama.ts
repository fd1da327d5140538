import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp';
import { messageOf } from '../../lib/message-of.ts';
import type { Log, LogLevel } from '../log.ts';

const levels: Record<LlamaLogLevel, LogLevel> = {
  [LlamaLogLevel.disabled]: 'debug',
  [LlamaLogLevel.fatal]: 'error',
  [LlamaLogLevel.error]: 'error',
  [LlamaLogLevel.warn]: 'warn',
  [LlamaLogLevel.info]: 'info',
  [LlamaLogLevel.log]: 'debug',
  [LlamaLogLevel.debug]: 'debug',
};

/** The native library, from its prebuilt binaries: never compiled, never writing to the terminal. */
export function openLlama(options: { gpu: 'auto' | false; threads: number; log: Log }): Promise<Llama> {
  return getLlama({
    build: 'never',
    gpu: options.gpu,
    maxThreads: options.threads,
    progressLogs: false,
    skipDownload: true,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) => options.log(levels[level] ?? 'debug', message.trimEnd()),
  });
}

/** Runs an operation of the library; a failure says what the library complained about last, not only that it failed. */
export async function withLastComplaint<T>(log: Log, operation: (log: Log) => Promise<T>): Promise<T> {
  let complaint = '';
  try {
    return await operation((level, message) => {
      if (level === 'error' && !/failed to load model$/.test(message)) complaint = message;
      log(level, message);
    });
  } catch (error) {
    const message = messageOf(error);
    throw new Error(
      complaint === '' || complaint.includes(message) ? complaint || message : `${message}: ${complaint}`,
    );
  }
}
