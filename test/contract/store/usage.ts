import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProjectId } from '../../../src/contracts/ids.ts';
import type { UsageGroup, UsageQuery, UsageRow } from '../../../src/contracts/stores.ts';
import { admissionOf, admitted, noon, settlementOf, type TestStore, unbilled } from '../../kit/store.ts';

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
      const ending = index % 4 === 3 ? { ...unbilled, status: 'FAILED' as const } : { completionTokens: index };
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

  test('roll-ups and records say the same, whatever the range, zone and grouping', async () => {
    const { store } = opened();
    const base = Date.parse('2031-03-29T20:07:00Z');
    const minutes = Array.from({ length: 40 }, (_, index) => (index * 47) % 1_500);
    const projectId = await recorded(minutes.map((minute) => new Date(base + minute * 60_000).toISOString()));
    const moment = fc.integer({ min: -30, max: 1_600 }).map((minute) => new Date(base + minute * 60_000));
    const groups: readonly UsageGroup[] = ['PROJECT', 'API_KEY', 'MODEL'];
    await fc.assert(
      fc.asyncProperty(
        moment,
        moment,
        fc.constantFrom('HOUR', 'DAY', 'MONTH', null),
        fc.constantFrom('UTC', 'Asia/Kathmandu', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe'),
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
        },
      ),
      { numRuns: 60 },
    );
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

function sorted(rows: readonly UsageRow[]): UsageRow[] {
  return [...rows].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ bucketStart, projectId, apiKeyId, model }: UsageRow): string {
  return JSON.stringify([bucketStart, projectId, apiKeyId, model]);
}
