import fc from 'fast-check';
import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import type { ProjectId, UsageRecordId } from '../../../src/contracts/ids.ts';
import type { UsageGroup, UsageQuery, UsageRow, UsageRowKey } from '../../../src/contracts/stores/usage.ts';
import { admissionOf, admitted, after, noon, settlementOf, type TestStore, unbilled } from '../../kit/store.ts';

export function usageContract(opened: () => TestStore): void {
  /** Completions at the given moments, one after the other of two models and two users. */
  async function recorded(moments: readonly string[]): Promise<ProjectId> {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject();
    const keys = [await newKey({ projectId }), await newKey({ projectId })];
    for (const [index, moment] of moments.entries()) {
      const admission = admissionOf(keys[index % 2]!, {
        at: new Date(moment),
        model: index % 3 === 0 ? 'other' : 'starter',
        user: index % 2 === 0 ? 'ann' : null,
      });
      const completion = await admitted(store, admission);
      const timed = {
        completionTokens: index,
        firstTokenAt: after(completion.createdAt, 0.05 * (index + 1)),
        finishedAt: after(completion.createdAt, 3),
      };
      const ending = index % 4 === 3 ? { ...unbilled, status: 'FAILED' as const } : timed;
      await store.completions.finalise(settlementOf(completion, ending));
    }
    return projectId;
  }

  const query = (projectId: ProjectId, details: Partial<UsageQuery> = {}): UsageQuery => ({
    projectId,
    from: new Date('2031-01-01T00:00:00Z'),
    before: new Date('2032-01-01T00:00:00Z'),
    granularity: null,
    timeZone: 'UTC',
    groupBy: [],
    ...details,
  });

  test('sums a whole range, and says nothing of one without requests', async () => {
    const projectId = await recorded(Array.from({ length: 5 }, () => noon.toISOString()));
    expect(await opened().store.usage.report(query(projectId))).toEqual([
      {
        bucketStart: null,
        projectId: null,
        apiKeyId: null,
        model: null,
        user: null,
        requests: 5n,
        errors: 1n,
        promptTokens: 40n,
        cachedPromptTokens: 16n,
        completionTokens: 7n,
        cost: 40n * 3n + 7n * 5n,
      },
    ]);
    expect(await opened().store.usage.report(query(projectId, { before: noon }))).toEqual([]);
  });

  test.each([
    // Half past and a quarter to: days begin at 18:30 and 18:15 UTC.
    [
      'DAY',
      'Asia/Kolkata',
      ['2031-05-15T18:29:59.999Z', '2031-05-15T18:30:00Z'],
      ['2031-05-14T18:30:00Z', '2031-05-15T18:30:00Z'],
    ],
    [
      'DAY',
      'Asia/Kathmandu',
      ['2031-05-15T18:14:00Z', '2031-05-15T18:15:00Z'],
      ['2031-05-14T18:15:00Z', '2031-05-15T18:15:00Z'],
    ],
    [
      'HOUR',
      'Asia/Kolkata',
      ['2031-05-15T18:29:00Z', '2031-05-15T18:30:00Z'],
      ['2031-05-15T17:30:00Z', '2031-05-15T18:30:00Z'],
    ],
    [
      'MONTH',
      'America/New_York',
      ['2031-02-01T04:59:00Z', '2031-02-01T05:00:00Z'],
      ['2031-01-01T05:00:00Z', '2031-02-01T05:00:00Z'],
    ],
    // The day on which clocks are set forward has 23 hours; in autumn one hour comes twice and stays two.
    [
      'DAY',
      'Europe/Berlin',
      ['2031-03-30T21:59:00Z', '2031-03-30T22:00:00Z'],
      ['2031-03-29T23:00:00Z', '2031-03-30T22:00:00Z'],
    ],
    [
      'HOUR',
      'Europe/Berlin',
      ['2031-10-26T00:20:00Z', '2031-10-26T01:20:00Z'],
      ['2031-10-26T00:00:00Z', '2031-10-26T01:00:00Z'],
    ],
  ] as const)('buckets of a %s begin by the clocks of %s', async (granularity, timeZone, moments, starts) => {
    const projectId = await recorded(moments);
    const rows = await opened().store.usage.report(query(projectId, { granularity, timeZone }));
    expect(rows.map(({ bucketStart }) => bucketStart)).toEqual(starts.map((start) => new Date(start)));
    const byUser = await opened().store.usage.report(query(projectId, { granularity, timeZone, groupBy: ['USER'] }));
    expect(byUser.map(({ bucketStart }) => bucketStart)).toEqual(starts.map((start) => new Date(start)));
  });

  test.each([
    ['over a change of clocks', '2031-03-29T20:07:00Z'],
    ['over a leap day and the end of its month', '2032-02-29T01:07:00Z'],
    ['over the end of a year', '2031-12-31T05:52:00Z'],
  ])('roll-ups and records say the same %s, whatever the range, zone and grouping', async (_when, start) => {
    const { store } = opened();
    const base = Date.parse(start);
    const minutes = Array.from({ length: 40 }, (_, index) => (index * 47) % 1_500);
    const projectId = await recorded(minutes.map((minute) => new Date(base + minute * 60_000).toISOString()));
    const moment = fc.integer({ min: -30, max: 1_600 }).map((minute) => new Date(base + minute * 60_000));
    const groups: readonly UsageGroup[] = ['PROJECT', 'API_KEY', 'MODEL'];
    await fc.assert(
      fc.asyncProperty(
        moment,
        moment,
        fc.constantFrom('HOUR', 'DAY', 'MONTH', null),
        fc.constantFrom(
          'UTC',
          'Asia/Kolkata',
          'Asia/Kathmandu',
          'Europe/Berlin',
          'America/St_Johns',
          'Australia/Lord_Howe',
        ),
        fc.subarray([...groups]),
        async (one, other, granularity, timeZone, groupBy) => {
          const [from, before] = one < other ? [one, other] : [other, one];
          const asked = query(projectId, { from, before, granularity, timeZone, groupBy });
          const rollups = await store.usage.report(asked);
          // With the user among the groups everything comes from the records.
          const records = await store.usage.report({ ...asked, groupBy: [...groupBy, 'USER'] });
          expect(sorted(rollups)).toEqual(sorted(withoutUser(records)));
          const within = minutes.filter(
            (minute) => base + minute * 60_000 >= from.getTime() && base + minute * 60_000 < before.getTime(),
          );
          expect(rollups.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(within.length);

          const spread = await store.usage.percentiles(asked);
          expect(spread.map(nameOf).sort()).toEqual(namesWithTokens(records));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('keeps histograms equal to the records, in the same quarters of an hour as the roll-ups', async () => {
    const { database } = opened();
    const moments = Array.from({ length: 30 }, (_, index) => new Date(noon.getTime() + index * 200_000).toISOString());
    const projectId = await recorded(moments);
    const difference = await database.prisma.$queryRaw`
      SELECT * FROM (
        SELECT date_bin('15 minutes', created_at, timestamptz '2000-01-01 00:00:00+00') AS bucket_start, api_key_id, model,
          count(*) AS requests, sum(sluice_histogram(time_to_first_token_seconds)) AS times_to_first_token,
          sum(sluice_histogram(nullif(tokens_per_second, 0))) AS token_rates
        FROM usage_records WHERE project_id = ${projectId}::uuid GROUP BY 1, 2, 3
      ) AS records
      FULL JOIN (
        SELECT bucket_start, api_key_id, model, requests, times_to_first_token, token_rates
        FROM usage_rollups JOIN usage_histograms USING (bucket_start, project_id, api_key_id, model) WHERE project_id = ${projectId}::uuid
      ) AS kept USING (bucket_start, api_key_id, model, requests, times_to_first_token, token_rates)
      WHERE records IS NULL OR kept IS NULL`;
    expect(difference).toEqual([]);
  });

  test('counts by minutes from the records', async () => {
    const projectId = await recorded(['2031-05-15T12:00:59.999Z', '2031-05-15T12:01:00Z', '2031-05-15T12:01:30Z']);
    const rows = await opened().store.usage.report(query(projectId, { granularity: 'MINUTE' }));
    expect(rows.map(({ bucketStart, requests }) => [bucketStart!.toISOString(), requests])).toEqual([
      ['2031-05-15T12:00:00.000Z', 1n],
      ['2031-05-15T12:01:00.000Z', 2n],
    ]);
  });

  test('tells percentiles within five percent, the same from roll-ups and from records', async () => {
    const { store } = opened();
    const moments = Array.from({ length: 40 }, (_, index) => new Date(noon.getTime() + index * 60_000).toISOString());
    const projectId = await recorded(moments);
    const [all] = await store.usage.percentiles(query(projectId));
    const { rows: records } = await store.usage.records({ projectId }, { limit: 100, direction: 'forward' });
    const close = (value: number, exact: number) => Math.abs(value - exact) <= 0.05 * exact;
    const exact = (values: readonly (number | null)[], share: number) => {
      const sorted = values.filter((value): value is number => value !== null && value > 0).sort((a, b) => a - b);
      return sorted[Math.ceil(sorted.length * share) - 1]!;
    };
    const firstTokens = records.map(({ timeToFirstTokenSeconds }) => timeToFirstTokenSeconds);
    const rates = records.map(({ tokensPerSecond }) => tokensPerSecond);
    expect(all!.timeToFirstTokenSeconds!.p50).toSatisfy((value: number) => close(value, exact(firstTokens, 0.5)));
    expect(all!.timeToFirstTokenSeconds!.p95).toSatisfy((value: number) => close(value, exact(firstTokens, 0.95)));
    expect(all!.tokensPerSecond!.p50).toSatisfy((value: number) => close(value, exact(rates, 0.5)));
    expect(all!.tokensPerSecond!.p95).toSatisfy((value: number) => close(value, exact(rates, 0.95)));

    const byQuarter = await store.usage.percentiles(query(projectId, { granularity: 'HOUR', groupBy: ['MODEL'] }));
    const hourOf = { from: noon, before: new Date(noon.getTime() + 3_600_000) };
    const byMinute = await store.usage.percentiles(query(projectId, { ...hourOf, granularity: 'MINUTE' }));
    expect(byQuarter.map(({ model }) => model)).toEqual(['other', 'starter']);
    // A minute holds one request: both percentiles are that one.
    for (const { timeToFirstTokenSeconds } of byMinute) {
      expect(timeToFirstTokenSeconds!.p50).toBe(timeToFirstTokenSeconds!.p95);
    }
    const failed = records.filter(({ timeToFirstTokenSeconds }) => timeToFirstTokenSeconds === null);
    expect(byMinute).toHaveLength(records.length - failed.length);
  });

  test('lists records newest first, by project, key, model, user and time', async () => {
    const { store } = opened();
    const projectId = await recorded(['2031-05-01T00:00:00Z', '2031-05-02T00:00:00Z', '2031-05-03T00:00:00Z']);
    const page = { limit: 10, direction: 'forward' } as const;
    const daysOf = async (filter: object) =>
      (await store.usage.records({ projectId, ...filter }, page)).rows.map(({ createdAt }) => createdAt.getUTCDate());
    expect(await daysOf({})).toEqual([3, 2, 1]);
    expect(await daysOf({ user: 'ann' })).toEqual([3, 1]);
    expect(await daysOf({ model: 'other' })).toEqual([1]);
    expect(await daysOf({ from: new Date('2031-05-02T00:00:00Z'), before: new Date('2031-05-03T00:00:00Z') })).toEqual([
      2,
    ]);
    const { rows } = await store.usage.records({ projectId }, page);
    expect(await daysOf({ apiKeyId: rows[1]!.apiKeyId })).toEqual([2]);
    const back = await store.usage.records({ projectId }, { limit: 1, direction: 'backward', cursor: rows[2]!.id });
    expect(back).toEqual({ rows: [rows[1]], hasMore: true });
  });

  test('pages through records in the order of their admission, each once, also where many were admitted at the same moment', async () => {
    const { store } = opened();
    const moments = ['2031-06-03T00:00:00Z', '2031-06-01T00:00:00Z', '2031-06-02T00:00:00Z'];
    const projectId = await recorded([...moments, ...moments, ...moments]);
    const all = (await store.usage.records({ projectId }, { limit: 100, direction: 'forward' })).rows;
    expect(all.map(({ createdAt }) => createdAt.getUTCDate())).toEqual([3, 3, 3, 2, 2, 2, 1, 1, 1]);
    for (const direction of ['forward', 'backward'] as const) {
      const read: UsageRecordId[] = [];
      let cursor: UsageRecordId | undefined;
      for (let hasMore = true; hasMore; ) {
        const page = await store.usage.records({ projectId }, { limit: 2, direction, ...(cursor && { cursor }) });
        const ids = page.rows.map(({ id }) => id);
        cursor = direction === 'forward' ? ids.at(-1) : ids[0];
        read.splice(direction === 'forward' ? read.length : 0, 0, ...ids);
        hasMore = page.hasMore;
      }
      expect(read).toEqual(all.map(({ id }) => id));
    }
    const unknown = { cursor: uuidv7() as UsageRecordId, limit: 2, direction: 'forward' } as const;
    expect(await store.usage.records({ projectId }, unknown)).toEqual({ rows: [], hasMore: false });
  });
}

function withoutUser(rows: readonly UsageRow[]): UsageRow[] {
  const merged = new Map<string, UsageRow>();
  for (const row of rows) {
    const name = nameOf(row);
    const sum = merged.get(name);
    merged.set(name, {
      ...row,
      user: null,
      requests: row.requests + (sum?.requests ?? 0n),
      errors: row.errors + (sum?.errors ?? 0n),
      promptTokens: row.promptTokens + (sum?.promptTokens ?? 0n),
      cachedPromptTokens: row.cachedPromptTokens + (sum?.cachedPromptTokens ?? 0n),
      completionTokens: row.completionTokens + (sum?.completionTokens ?? 0n),
      cost: row.cost + (sum?.cost ?? 0n),
    });
  }
  return [...merged.values()];
}

/** Of the records' rows (which the user tells apart as well), those with a first token: what has percentiles. */
function namesWithTokens(rows: readonly UsageRow[]): string[] {
  const names = withoutUser(rows).flatMap((row) => (row.promptTokens > 0n ? [nameOf(row)] : []));
  return names.sort();
}

function sorted(rows: readonly UsageRow[]): UsageRow[] {
  return [...rows].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ bucketStart, projectId, apiKeyId, model }: UsageRowKey): string {
  return JSON.stringify([bucketStart, projectId, apiKeyId, model]);
}
