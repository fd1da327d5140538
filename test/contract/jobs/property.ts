import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Claim, DroppedJob, Job } from '../../../src/contracts/jobs.ts';
import { enqueue, jobOf, model, type OpenJobs, roomy } from './suite.ts';

type Step =
  | { readonly type: 'enqueue'; readonly key: string; readonly priority: number }
  | { readonly type: 'claim' }
  | { readonly type: 'abort claim'; readonly which: number }
  | { readonly type: 'enqueue and abort'; readonly key: string; readonly which: number }
  | { readonly type: 'cancel'; readonly which: number }
  | { readonly type: 'done'; readonly which: number };

const key = fc.constantFrom('a', 'b', 'c');
const which = fc.nat(50);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('enqueue' as const), key, priority: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('claim' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('abort claim' as const), which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('enqueue and abort' as const), key, which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel' as const), which }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('done' as const), which }) },
);

export function describeJobsInAnyOrder(name: string, open: OpenJobs, runs: number): void {
  describe(`${name} jobs, any interleaving`, () => {
    test('every job is claimed once or dropped once: none is lost, none is handed out twice', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
          await using jobs = await open(roomy);
          const stop = new AbortController();
          const enqueued: Job[] = [];
          const claims: Claim[] = [];
          const dropped: DroppedJob[] = [];
          const claiming: { readonly abort: AbortController; readonly over: Promise<void> }[] = [];
          const consumers = [1, 2].map(async () => {
            for await (const job of jobs.dropped(stop.signal)) dropped.push(job);
          });

          function claim(): void {
            const abort = new AbortController();
            const over = jobs.claim(model, abort.signal).then(
              (claimed) => void claims.push(claimed),
              (reason) => expect(reason).toBe('given up'),
            );
            claiming.push({ abort, over });
          }

          for (const action of steps) {
            switch (action.type) {
              case 'enqueue':
              case 'enqueue and abort': {
                const priority = action.type === 'enqueue' ? action.priority : 0;
                const job = jobOf(`job ${enqueued.length}`, { key: action.key, priority });
                enqueued.push(job);
                const added = enqueue(jobs, job);
                if (action.type === 'enqueue and abort')
                  claiming[action.which % claiming.length]?.abort.abort('given up');
                await added;
                break;
              }
              case 'claim':
                claim();
                break;
              case 'abort claim':
                claiming[action.which % claiming.length]?.abort.abort('given up');
                break;
              case 'cancel': {
                const job = enqueued[action.which % enqueued.length];
                if (job) await jobs.cancel(job.completionId, 'cancelled');
                break;
              }
              case 'done':
                await claims[action.which % claims.length]?.done();
                break;
              default:
                action satisfies never;
            }
          }
          for (const _ of await jobs.positions()) claim();
          await expect.poll(() => claims.length + dropped.length, { interval: 1 }).toBe(enqueued.length);
          for (const { abort } of claiming) abort.abort('given up');
          await Promise.all(claiming.map(({ over }) => over));
          stop.abort();
          await Promise.all(consumers);
          const ended = [...claims, ...dropped].map(({ job }) => job.completionId);
          expect(ended.sort()).toEqual(enqueued.map(({ completionId }) => completionId).sort());
        }),
        { numRuns: runs },
      );
    });

    test('of keys that all wait, none has taken more than the largest job more than another, whatever they asked for', async () => {
      const taken = fc.record({
        maxTokens: fc.integer({ min: 1, max: 1_000 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      });
      const perKey = fc.array(taken, { minLength: 1, maxLength: 15 });
      await fc.assert(
        fc.asyncProperty(fc.array(perKey, { minLength: 2, maxLength: 4 }), async (keys) => {
          await using jobs = await open(roomy);
          const used = new Map<string, number>();
          const left = keys.map(({ length }) => length);
          const sums = keys.map(() => 0);
          for (const [k, list] of keys.entries()) {
            for (const [i, { maxTokens, share }] of list.entries()) {
              await enqueue(jobs, jobOf(`${k} ${i}`, { key: String(k), maxTokens }));
              used.set(`${k} ${i}`, 3 + Math.round(maxTokens * share));
            }
          }
          while (left.every((count) => count > 0)) {
            expect(Math.max(...sums) - Math.min(...sums)).toBeLessThanOrEqual(Math.max(...used.values()));
            const { job, done } = await jobs.claim(model, new AbortController().signal);
            const key = Number(job.apiKeyId);
            await done(used.get(job.completionId));
            left[key]! -= 1;
            sums[key]! += used.get(job.completionId)!;
          }
        }),
        { numRuns: runs },
      );
    });

    test('while a key waits for its next start, every other key starts at most once, where all ask for as much', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
          await using jobs = await open(roomy);
          const waiting = new Map<string, number>();
          const startsSince = new Map<string, Map<string, number>>();
          let count = 0;
          for (const action of steps) {
            if ('key' in action) {
              const priority = action.type === 'enqueue' ? action.priority : 0;
              count += 1;
              await enqueue(jobs, jobOf(`job ${count}`, { key: action.key, priority }));
              if (!waiting.get(action.key)) startsSince.set(action.key, new Map());
              waiting.set(action.key, (waiting.get(action.key) ?? 0) + 1);
            } else if ([...waiting.values()].some((held) => held > 0)) {
              const { job } = await jobs.claim(model, new AbortController().signal);
              const started = job.apiKeyId as string;
              waiting.set(started, (waiting.get(started) ?? 0) - 1);
              startsSince.set(started, new Map());
              for (const [other, starts] of startsSince) {
                if (other === started || !waiting.get(other)) continue;
                starts.set(started, (starts.get(started) ?? 0) + 1);
                expect(starts.get(started)).toBe(1);
              }
            }
          }
        }),
        { numRuns: runs },
      );
    });
  });
}
