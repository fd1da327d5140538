import { pino } from 'pino';
import type { LogLevel } from './config.ts';
import type { Logger } from './contracts/logger.ts';

/** Structured lines on standard error: standard output belongs to what the user asked for. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
