import type { Log } from './log.ts';

/** Logs what is wrong with something when it is new, and for debugging as long as it stays the same: each request may find it. */
export interface ReportOnce {
  wrong(what: string, message: string): void;
  well(what: string): void;
}

export function createReportOnce(log: Log, level: 'warn' | 'error' = 'error'): ReportOnce {
  const reported = new Map<string, string>();
  return {
    wrong(what, message) {
      log(reported.get(what) === message ? 'debug' : level, message);
      reported.set(what, message);
    },
    well: (what) => reported.delete(what),
  };
}
