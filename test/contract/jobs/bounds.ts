import { describe, expect, test } from 'vitest';
import type { ApiKeyId } from '../../../src/contracts/ids.ts';
import type { Jobs } from '../../../src/contracts/jobs.ts';
import {
  enqueue,
  forever,
  isPending,
  type JobsOptions,
  jobOf,
  model,
  type OpenJobs,
  requestOf,
  roomy,
} from './suite.ts';

/** What bounds a waiting line, and whom: for any adapter. */
export function describeJobsBounds(name: string, open: OpenJobs): void {
  describe(`${name} jobs: bounds`, () => {
    /** Without a free slot, but where a test has some. */
    const bounded = (limits: Partial<JobsOptions['limits']>, slots = 0) =>
      open({ limits: { ...roomy.limits, ...limits }, slots });

    async function reserveMany(jobs: Jobs, count: number, promptTokens = 1, key = 'key') {
      const request = requestOf({ apiKeyId: key as ApiKeyId, promptTokens });
      const outcomes = await Promise.all(Array.from({ length: count }, () => jobs.reserve(request)));
      const places = outcomes.flatMap((outcome) => (outcome.accepted ? [outcome.place] : []));
      const refusals = outcomes.flatMap((outcome) => (outcome.accepted ? [] : [outcome]));
      return { places, refusals };
    }

    test('exactly queueRequests places are held at once, reserved or waiting', async () => {
      await using jobs = await bounded({ queueRequests: 7 });
      const { places, refusals } = await reserveMany(jobs, 30);
      expect(places).toHaveLength(7);
      for (const refusal of refusals)
        expect(refusal).toEqual({ accepted: false, reason: 'requests', retryAfterSeconds: 1 });
      await places[0]?.enqueue(jobOf('a'));
      places[0]?.[Symbol.dispose]();
      places[1]?.[Symbol.dispose]();
      places[1]?.[Symbol.dispose]();
      expect((await reserveMany(jobs, 30)).places).toHaveLength(1);
      await jobs.claim(model, forever());
      expect((await reserveMany(jobs, 30)).places).toHaveLength(1);
      expect((await jobs.reserve(requestOf({ model: 'other' }))).accepted).toBe(true);
    });

    test('prompt tokens that wait never pass queuePromptTokens', async () => {
      await using jobs = await bounded({ queuePromptTokens: 100 });
      const { places, refusals } = await reserveMany(jobs, 30, 30);
      expect(places).toHaveLength(3);
      expect(new Set(refusals.map(({ reason }) => reason))).toEqual(new Set(['prompt-tokens']));
      expect((await reserveMany(jobs, 30, 10)).places).toHaveLength(1);
      await places[0]?.enqueue(jobOf('a'));
      await jobs.cancel(jobOf('a').completionId, 'cancelled');
      expect((await reserveMany(jobs, 30, 30)).places).toHaveLength(1);
    });

    test('a key that fills the line is refused alone: others get their share, and all together twice the bound', async () => {
      await using jobs = await bounded({ queueRequests: 8 });
      expect((await reserveMany(jobs, 30, 1, 'flood')).places).toHaveLength(8);
      expect((await reserveMany(jobs, 30, 1, 'second')).places).toHaveLength(4);
      expect((await reserveMany(jobs, 30, 1, 'third')).places).toHaveLength(2);
      expect((await reserveMany(jobs, 30, 1, 'flood')).places).toHaveLength(0);
      expect((await reserveMany(jobs, 30, 1, 'fourth')).places).toHaveLength(2);
      const late = await Promise.all([...'fghij'].map((key) => reserveMany(jobs, 1, 1, key)));
      expect(late.flatMap(({ refusals }) => refusals.map(({ reason }) => reason))).toEqual(Array(5).fill('requests'));
    });

    test('a key whose prompts fill the line is refused alone', async () => {
      await using jobs = await bounded({ queuePromptTokens: 100 });
      expect((await reserveMany(jobs, 30, 10, 'flood')).places).toHaveLength(10);
      expect((await reserveMany(jobs, 1, 51, 'second')).places).toHaveLength(0);
      expect((await reserveMany(jobs, 30, 25, 'second')).places).toHaveLength(2);
      expect((await reserveMany(jobs, 1, 10, 'flood')).refusals).toMatchObject([{ reason: 'prompt-tokens' }]);
    });

    test('a key waits for its turn, not for the whole line: that is what queueSeconds bounds', async () => {
      await using jobs = await bounded({ queueSeconds: 0 });
      await enqueue(jobs, jobOf('measured', { key: 'flood' }));
      const measured = await jobs.claim(model, forever());
      measured.began();
      expect((await reserveMany(jobs, 3, 1, 'flood')).places).toHaveLength(3);
      const since = Date.now();
      await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(since + 2);
      await measured.done();
      const claimed = jobs.claim(model, forever());
      expect((await reserveMany(jobs, 1, 1, 'other')).places).toHaveLength(0);
      expect(await isPending(claimed)).toBe(true);
    });

    test('a claim that has not begun is not measured', async () => {
      await using jobs = await bounded({ queueSeconds: 0 });
      await enqueue(jobs, jobOf('never begun'));
      const claim = await jobs.claim(model, forever());
      const since = Date.now();
      await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(since + 2);
      await claim.done();
      expect(await jobs.reserve(requestOf())).toMatchObject({ accepted: true });
    });

    test('what starts at once does not wait: no bound refuses it', async () => {
      await using jobs = await bounded({ queueRequests: 1, queuePromptTokens: 10 });
      const claims = [jobs.claim(model, forever()), jobs.claim(model, forever())];
      const { places, refusals } = await reserveMany(jobs, 4, 5_000);
      expect(places).toHaveLength(2);
      expect(refusals).toHaveLength(2);
      for (const [at, place] of places.entries()) await place.enqueue(jobOf(`job ${at}`));
      expect((await Promise.all(claims)).map(({ job }) => job.completionId)).toEqual(['job 0', 'job 1']);
    });

    test('as many requests as slots are free start at once, also where one claimant takes them in turn', async () => {
      await using jobs = await bounded({ queueRequests: 1, queuePromptTokens: 10 }, 3);
      await enqueue(jobs, jobOf('runs'));
      await jobs.claim(model, forever());
      const next = jobs.claim(model, forever());
      const { places, refusals } = await reserveMany(jobs, 4, 5_000);
      expect(places).toHaveLength(2);
      expect(refusals).toHaveLength(2);
      await places[0]!.enqueue(jobOf('first'));
      expect((await next).job.completionId).toBe('first');
      expect((await reserveMany(jobs, 1)).refusals).toHaveLength(1);
    });

    test('a wait that is estimated beyond queueSeconds is refused, once service times are known', async () => {
      await using jobs = await bounded({ queueSeconds: 0 });
      expect((await reserveMany(jobs, 3)).places).toHaveLength(3);
      await enqueue(jobs, jobOf('measured'));
      const measured = await jobs.claim(model, forever());
      measured.began();
      await expect.poll(() => Date.now()).toBeGreaterThan(Date.now() + 5);
      await measured.done();
      const outcome = await jobs.reserve(requestOf());
      expect(outcome).toEqual({ accepted: false, reason: 'wait', retryAfterSeconds: 1 });
    });
  });
}
