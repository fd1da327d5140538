import type { CompletionId, UsageRecordId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { LimitState } from '../../contracts/stores/admission.ts';
import type { Page, PageRequest } from '../../contracts/stores/store.ts';
import type {
  UsagePercentilesRow,
  UsageQuery,
  UsageRecord,
  UsageRecordFilter,
  UsageRow,
  UsageRowKey,
  UsageStore,
} from '../../contracts/stores/usage.ts';
import { type Principal, requireScope, seesProject, visibleProject } from '../access/principal.ts';
import { invalidInput } from '../parse-input.ts';
import { requireStorable } from '../text.ts';
import { liveUsage } from './live.ts';

/** What was used, by whom; and what the limits leave. */
export interface Usage {
  report(principal: Principal, query: UsageQuery): Promise<UsageReport>;
  records(
    principal: Principal,
    filter: UsageRecordFilter,
    page: PageRequest<UsageRecordId>,
  ): Promise<Page<UsageRecord>>;
  findRecords(principal: Principal, ids: readonly UsageRecordId[]): Promise<readonly (UsageRecord | undefined)[]>;
  ofCompletions(ids: readonly CompletionId[]): Promise<readonly (UsageRecord | undefined)[]>;
  /** What ends from now on, as it is recorded; ends with the signal. A hint may be lost: the records are the truth. */
  live(principal: Principal, signal: AbortSignal): AsyncIterableIterator<UsageRecord>;
  /** The limits that hold for the principal, its key's and its project's. */
  limits(principal: Principal): Promise<readonly LimitState[]>;
}

export interface UsageReport {
  readonly buckets: readonly UsageBucket[];
  readonly totals: UsageTotals;
}

export type UsageBucket = UsageRow & HasPercentiles;

/** Read when first asked for, once for all rows of a report: most reports do without. */
interface HasPercentiles {
  percentiles(): Promise<Pick<UsagePercentilesRow, 'timeToFirstTokenSeconds' | 'tokensPerSecond'>>;
}

export type UsageTotals = UsageSums & HasPercentiles;

type UsageSums = Pick<
  UsageRow,
  'requests' | 'errors' | 'promptTokens' | 'cachedPromptTokens' | 'completionTokens' | 'cost'
>;

const longestRangeMilliseconds = 366 * 5 * 86_400_000;
const longestRangeOfMinutes = 7 * 86_400_000;

export interface UsageOptions {
  readonly store: UsageStore;
  readonly signals: Signals;
  readonly now?: () => Date;
}

export function createUsage({ store, signals, now = () => new Date() }: UsageOptions): Usage {
  async function percentilesByRow(query: UsageQuery): Promise<ReadonlyMap<string, UsagePercentilesRow>> {
    return new Map((await store.percentiles(query)).map((row) => [nameOf(row), row]));
  }

  return {
    async report(principal, query) {
      requireScope(principal, 'USAGE_READ');
      checkRange(query);
      const visible = { ...query, projectId: visibleProject(principal, query.projectId) };
      const rows = await store.report(visible);
      const ofRows = once(() => percentilesByRow(visible));
      const ofAll = once(() => percentilesByRow({ ...visible, granularity: null, groupBy: [] }));
      return {
        buckets: rows.map((row) => ({
          ...row,
          percentiles: async () => (await ofRows()).get(nameOf(row)) ?? noPercentiles,
        })),
        totals: { ...sum(rows), percentiles: async () => [...(await ofAll()).values()][0] ?? noPercentiles },
      };
    },
    async records(principal, filter, page) {
      requireScope(principal, 'USAGE_READ');
      requireStorable({ user: filter.user, model: filter.model });
      return store.records({ ...filter, projectId: visibleProject(principal, filter.projectId) }, page);
    },
    async findRecords(principal, ids) {
      requireScope(principal, 'USAGE_READ');
      const byId = new Map((await store.findRecords(ids)).map((record) => [record.id, record]));
      return ids.map((id) => {
        const record = byId.get(id);
        return record && seesProject(principal, record.projectId) ? record : undefined;
      });
    },
    async ofCompletions(ids) {
      const byId = new Map((await store.findByCompletion(ids)).map((record) => [record.completionId, record]));
      return ids.map((id) => byId.get(id));
    },
    live(principal, signal) {
      requireScope(principal, 'USAGE_READ');
      return liveUsage({ store, signals, projectId: visibleProject(principal, null), signal });
    },
    limits: (principal) => store.limits(principal.apiKeyId, now()),
  };
}

const noPercentiles = { timeToFirstTokenSeconds: null, tokensPerSecond: null };

function nameOf({ bucketStart, projectId, apiKeyId, model, user }: UsageRowKey): string {
  return JSON.stringify([bucketStart, projectId, apiKeyId, model, user]);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function checkRange({ from, before, timeZone, granularity }: UsageQuery): void {
  if (from >= before) {
    throw invalidInput([{ path: ['before'], code: 'empty_range', message: 'must lie after from' }]);
  }
  if (before.getTime() - from.getTime() > longestRangeMilliseconds) {
    throw invalidInput([{ path: ['from'], code: 'range_too_long', message: 'a report covers at most five years' }]);
  }
  if (granularity === 'MINUTE' && before.getTime() - from.getTime() > longestRangeOfMinutes) {
    const message = 'a report by minutes covers at most a week: choose HOUR';
    throw invalidInput([{ path: ['granularity'], code: 'range_too_long', message }]);
  }
  if (!isTimeZone(timeZone)) {
    throw invalidInput([
      {
        path: ['timeZone'],
        code: 'unknown_time_zone',
        message: 'use an IANA name such as Asia/Kolkata, no abbreviation',
      },
    ]);
  }
}

/**
 * Names alone, which mean the same to JavaScript and to PostgreSQL. "+05:00" and the abbreviations do not: "IST" is India's time to the
 * one and Israel's to the other, and "CET" has a summer time or none.
 */
function isTimeZone(name: string): boolean {
  if (!/^[A-Z]/iu.test(name)) return false;
  if (/^[A-Z]{3}$/iu.test(name) && !/^(?:UTC|GMT)$/iu.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function sum(rows: readonly UsageRow[]): UsageSums {
  const totals = {
    requests: 0n,
    errors: 0n,
    promptTokens: 0n,
    cachedPromptTokens: 0n,
    completionTokens: 0n,
    cost: 0n,
  };
  for (const row of rows) {
    for (const column of Object.keys(totals) as (keyof UsageSums)[]) totals[column] += row[column];
  }
  return totals;
}
