import type { CompletionId, UsageRecordId } from '../../contracts/ids.ts';
import type {
  LimitState,
  Page,
  PageRequest,
  UsageQuery,
  UsageRecord,
  UsageRecordFilter,
  UsageRow,
  UsageStore,
} from '../../contracts/stores.ts';
import { type Principal, requireScope, seesProject, visibleProject } from '../access/principal.ts';
import { invalidInput } from '../parse-input.ts';
import { requireStorable } from '../text.ts';

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
  /** The limits that hold for the principal, its key's and its project's. */
  limits(principal: Principal): Promise<readonly LimitState[]>;
}

export interface UsageReport {
  readonly buckets: readonly UsageRow[];
  readonly totals: UsageTotals;
}

export type UsageTotals = Pick<
  UsageRow,
  'requests' | 'errors' | 'promptTokens' | 'cachedPromptTokens' | 'completionTokens' | 'cost'
>;

const longestRangeMilliseconds = 366 * 5 * 86_400_000;

export function createUsage(store: UsageStore, now: () => Date = () => new Date()): Usage {
  return {
    async report(principal, query) {
      requireScope(principal, 'USAGE_READ');
      checkRange(query);
      const buckets = await store.report({ ...query, projectId: visibleProject(principal, query.projectId) });
      return { buckets, totals: sum(buckets) };
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
    limits: (principal) => store.limits(principal.apiKeyId, now()),
  };
}

function checkRange({ from, before, timeZone }: UsageQuery): void {
  if (from >= before) {
    throw invalidInput([{ path: ['before'], code: 'empty_range', message: 'must lie after from' }]);
  }
  if (before.getTime() - from.getTime() > longestRangeMilliseconds) {
    throw invalidInput([{ path: ['from'], code: 'range_too_long', message: 'a report covers at most five years' }]);
  }
  if (!isTimeZone(timeZone)) {
    throw invalidInput([
      { path: ['timeZone'], code: 'unknown_time_zone', message: 'use an IANA name such as Asia/Kolkata' },
    ]);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function sum(rows: readonly UsageRow[]): UsageTotals {
  const totals = {
    requests: 0n,
    errors: 0n,
    promptTokens: 0n,
    cachedPromptTokens: 0n,
    completionTokens: 0n,
    cost: 0n,
  };
  for (const row of rows) {
    for (const column of Object.keys(totals) as (keyof UsageTotals)[]) totals[column] += row[column];
  }
  return totals;
}
