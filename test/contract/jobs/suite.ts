import { describe, expect, test } from 'vitest';
import type { ApiKeyId, CompletionId, ProjectId } from '../../../src/contracts/ids.ts';
import type { Job, Jobs, Place, PlaceRequest } from '../../../src/contracts/jobs.ts';
import { greedy } from '../../kit/sampling.ts';

export interface JobsOptions {
  readonly limits: {
    readonly queueRequests: number;
    readonly queuePromptTokens: number;
    readonly queueSeconds: number;
  };
  readonly slots: number;
}

export type OpenJobs = (options: JobsOptions) => Jobs | Promise<Jobs>;

export const roomy: JobsOptions = {
  limits: { queueRequests: 1_000, queuePromptTokens: 1_000_000, queueSeconds: 60 },
  slots: 1,
};
export const model = 'starter';
export const forever = () => new AbortController().signal;

export function jobOf(
  name: string,
  details: {
    key?: string;
    priority?: number;
    deadline?: Date;
    model?: string;
    maxTokens?: number;
    epoch?: number;
  } = {},
): Job {
  const completionId = name as CompletionId;
  return {
    completionId,
    projectId: 'project' as ProjectId,
    apiKeyId: (details.key ?? 'key') as ApiKeyId,
    epoch: details.epoch ?? 0,
    priority: details.priority ?? 0,
    deadline: details.deadline ?? new Date(Date.now() + 3_600_000),
    inference: {
      completionId,
      model: details.model ?? model,
      cacheScope: 'project' as ProjectId,
      promptTokens: [1, 2, 3],
      n: 1,
      maxTokens: details.maxTokens ?? 16,
      stop: [],
      sampling: greedy,
    },
  };
}

/** Of three prompt tokens, as the jobs here have; of the key that they have where none is named. */
export function requestOf(request: Partial<PlaceRequest> = {}): PlaceRequest {
  return { model, apiKeyId: 'key' as ApiKeyId, promptTokens: 3, ...request };
}

export async function placeIn(jobs: Jobs, request: Partial<PlaceRequest> = {}): Promise<Place> {
  const outcome = await jobs.reserve(requestOf(request));
  if (!outcome.accepted) throw new Error(`refused: ${outcome.reason}`);
  return outcome.place;
}

export async function enqueue(jobs: Jobs, job: Job) {
  return (await placeIn(jobs, { model: job.inference.model, apiKeyId: job.apiKeyId })).enqueue(job);
}

export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise.catch(() => {}), new Promise((go) => setImmediate(go, pending))])) === pending;
}

/** What the waiting line promises, for any adapter. */
export function describeJobs(name: string, open: OpenJobs): void {
  const namesOf = async (jobs: Jobs) => (await jobs.positions()).map(({ completionId }) => completionId);

  async function claimNames(jobs: Jobs, count: number) {
    const names: string[] = [];
    for (let claimed = 0; claimed < count; claimed += 1) {
      names.push((await jobs.claim(model, forever())).job.completionId);
    }
    return names;
  }

  describe(`${name} jobs: claiming`, () => {
    test('a claim takes the job that waits, and a waiting claim gets the next one of its model', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('first'));
      const first = await jobs.claim(model, forever());
      expect(first).toMatchObject({ job: { completionId: 'first' }, epoch: 1 });
      expect(first.signal.aborted).toBe(false);
      const waiting = jobs.claim(model, forever());
      await enqueue(jobs, jobOf('other model', { model: 'other' }));
      expect(await isPending(waiting)).toBe(true);
      await enqueue(jobs, jobOf('second'));
      expect((await waiting).job.completionId).toBe('second');
    });

    test('a claim has the epoch after that of its job', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('taken over', { epoch: 3 }));
      expect(await jobs.claim(model, forever())).toMatchObject({ epoch: 4 });
    });

    test('nothing can claim a place before it is enqueued', async () => {
      await using jobs = await open(roomy);
      const waiting = jobs.claim(model, forever());
      const place = await placeIn(jobs);
      expect(await isPending(waiting)).toBe(true);
      await place.enqueue(jobOf('a'));
      expect((await waiting).job.completionId).toBe('a');
    });

    test('a place is used once, and a completion has one job', async () => {
      await using jobs = await open(roomy);
      const place = await placeIn(jobs);
      await place.enqueue(jobOf('a'));
      await expect(place.enqueue(jobOf('b'))).rejects.toThrow();
      await expect(enqueue(jobs, jobOf('a'))).rejects.toThrow();
      const returned = await placeIn(jobs);
      returned[Symbol.dispose]();
      await expect(returned.enqueue(jobOf('c'))).rejects.toThrow();
      expect(await namesOf(jobs)).toEqual(['a']);
    });

    test('an aborted claim rejects with the reason and takes nothing', async () => {
      await using jobs = await open(roomy);
      const abort = new AbortController();
      const leaving = jobs.claim(model, abort.signal);
      const staying = jobs.claim(model, forever());
      abort.abort('stopping');
      await expect(leaving).rejects.toBe('stopping');
      await expect(jobs.claim(model, AbortSignal.abort('stopped'))).rejects.toBe('stopped');
      await enqueue(jobs, jobOf('a'));
      expect((await staying).job.completionId).toBe('a');
    });

    test('an abort at the moment of assignment loses no job', async () => {
      await using jobs = await open(roomy);
      const abort = new AbortController();
      const leaving = jobs.claim(model, abort.signal).then(
        (claim) => claim.job.completionId,
        () => undefined,
      );
      const place = await placeIn(jobs);
      const enqueued = place.enqueue(jobOf('a'));
      abort.abort();
      await enqueued;
      const claimed = (await leaving) ?? (await jobs.claim(model, forever())).job.completionId;
      expect(claimed).toBe('a');
    });

    test('a job that is done is gone; done again changes nothing', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      const claim = await jobs.claim(model, forever());
      await claim.done();
      await claim.done();
      await jobs.cancel(claim.job.completionId, 'cancelled');
      expect(claim.signal.aborted).toBe(false);
      await enqueue(jobs, jobOf('a'));
      await claim.done();
      expect(await namesOf(jobs)).toEqual(['a']);
    });
  });

  describe(`${name} jobs: order`, () => {
    test('keys that ask for as much take turns, whatever one of them has queued', async () => {
      await using jobs = await open(roomy);
      for (const flood of ['a1', 'a2', 'a3', 'a4']) await enqueue(jobs, jobOf(flood, { key: 'a' }));
      for (const late of ['b1', 'b2']) await enqueue(jobs, jobOf(late, { key: 'b' }));
      await enqueue(jobs, jobOf('c1', { key: 'c' }));
      const expected = ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'];
      expect(await namesOf(jobs)).toEqual(expected);
      expect(await claimNames(jobs, expected.length)).toEqual(expected);
    });

    test('keys that ask for more take fewer turns: they share in tokens', async () => {
      await using jobs = await open(roomy);
      for (let each = 0; each < 4; each += 1) await enqueue(jobs, jobOf(`long ${each}`, { key: 'a', maxTokens: 97 }));
      for (let each = 0; each < 40; each += 1) await enqueue(jobs, jobOf(`short ${each}`, { key: 'b', maxTokens: 7 }));
      const started = await claimNames(jobs, 22);
      expect(started.filter((name) => name.startsWith('long'))).toHaveLength(2);
    });

    test('keys share in what they take: one that asks for much and takes little is charged little', async () => {
      await using jobs = await open(roomy);
      for (let each = 0; each < 10; each += 1) {
        await enqueue(jobs, jobOf(`careful ${each}`, { key: 'a', maxTokens: 7 }));
        await enqueue(jobs, jobOf(`careless ${each}`, { key: 'b', maxTokens: 9_997 }));
      }
      for (let each = 0; each < 10; each += 1) {
        const turn = [await jobs.claim(model, forever())];
        await turn[0]!.done(10);
        turn.push(await jobs.claim(model, forever()));
        await turn[1]!.done(10);
        expect(turn.map(({ job }) => job.apiKeyId).sort()).toEqual(['a', 'b']);
      }
    });

    test('what a key got back does not put it before one that waited meanwhile', async () => {
      await using jobs = await open(roomy);
      for (const name of ['a1', 'a2', 'a3']) await enqueue(jobs, jobOf(name, { key: 'a', maxTokens: 9_997 }));
      const first = await jobs.claim(model, forever());
      await enqueue(jobs, jobOf('b1', { key: 'b' }));
      await first.done(0);
      expect(await namesOf(jobs)).toEqual(['b1', 'a2', 'a3']);
      expect(await claimNames(jobs, 3)).toEqual(['b1', 'a2', 'a3']);
    });

    test('within a key higher priority goes first, then the older; another key is not overtaken', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('low', { key: 'a' }));
      await enqueue(jobs, jobOf('other', { key: 'b' }));
      await enqueue(jobs, jobOf('high', { key: 'a', priority: 5 }));
      await enqueue(jobs, jobOf('also high', { key: 'a', priority: 5 }));
      expect(await claimNames(jobs, 4)).toEqual(['high', 'other', 'also high', 'low']);
    });

    test('enqueue and positions agree on how many start before', async () => {
      await using jobs = await open(roomy);
      const before = ['a', 'a', 'a', 'b', 'c', 'b', 'a'];
      for (const [at, key] of before.entries()) {
        const told = await enqueue(jobs, jobOf(`${key}${at}`, { key, priority: at % 2 }));
        expect(await jobs.positions()).toContainEqual(told);
      }
      expect((await jobs.positions()).map(({ position }) => position)).toEqual(before.map((_, position) => position));
    });

    test('the depth of a line is what waits, and since when the oldest does', async () => {
      await using jobs = await open(roomy);
      expect(await jobs.depths()).toEqual([]);
      const before = Date.now();
      await enqueue(jobs, jobOf('a', { priority: -1 }));
      const between = Date.now();
      await enqueue(jobs, jobOf('b'));
      await enqueue(jobs, jobOf('c', { model: 'other' }));
      const [own, other] = await jobs.depths();
      expect(own).toMatchObject({ model, waiting: 2 });
      expect(own!.oldestSince.getTime()).toBeGreaterThanOrEqual(before);
      expect(own!.oldestSince.getTime()).toBeLessThanOrEqual(between);
      expect(other).toMatchObject({ model: 'other', waiting: 1 });
      await jobs.claim(model, forever());
      expect((await jobs.depths())[0]).toMatchObject({ model, waiting: 1 });
    });

    test('positions count within the model', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      expect(await enqueue(jobs, jobOf('b', { model: 'other' }))).toMatchObject({ position: 0 });
      expect(await enqueue(jobs, jobOf('c'))).toMatchObject({ position: 1 });
    });

    test('a job that somebody waits for is next and waits no time', async () => {
      await using jobs = await open(roomy);
      const claim = jobs.claim(model, forever());
      expect(await enqueue(jobs, jobOf('a'))).toEqual({ completionId: 'a', position: 0, estimatedWaitSeconds: 0 });
      await claim;
      expect(await enqueue(jobs, jobOf('b'))).toEqual({ completionId: 'b', position: 0, estimatedWaitSeconds: null });
    });
  });

  describe(`${name} jobs: endings from outside`, () => {
    test('a waiting job that is cancelled is dropped once, with the first reason, and kept until somebody asks', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      await jobs.cancel(jobOf('a').completionId, 'abandoned');
      await jobs.cancel(jobOf('a').completionId, 'cancelled');
      expect(await jobs.positions()).toEqual([]);
      const dropped = jobs.dropped(forever())[Symbol.asyncIterator]();
      expect((await dropped.next()).value).toMatchObject({ job: { completionId: 'a' }, reason: 'abandoned' });
      const next = dropped.next();
      await enqueue(jobs, jobOf('b'));
      await jobs.cancel(jobOf('b').completionId, 'shutdown');
      expect((await next).value).toMatchObject({ job: { completionId: 'b' }, reason: 'shutdown' });
      expect(await isPending(dropped.next())).toBe(true);
    });

    test('several consumers share the dropped jobs, and one that leaves takes none', async () => {
      await using jobs = await open(roomy);
      const abort = new AbortController();
      const consumers = [forever(), abort.signal, forever()].map((signal) =>
        jobs.dropped(signal)[Symbol.asyncIterator](),
      );
      const pending = consumers.map((consumer) => consumer.next());
      abort.abort();
      expect(await pending[1]).toEqual({ done: true, value: undefined });
      for (const name of ['a', 'b']) {
        await enqueue(jobs, jobOf(name));
        await jobs.cancel(jobOf(name).completionId, 'cancelled');
      }
      const received = await Promise.all([pending[0], pending[2]]);
      expect(received.map((result) => result?.value?.job.completionId).sort()).toEqual(['a', 'b']);
    });

    test('a claimed job that is cancelled sees its signal abort with the first reason', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      const claim = await jobs.claim(model, forever());
      await jobs.cancel(claim.job.completionId, 'abandoned');
      await jobs.cancel(claim.job.completionId, 'cancelled');
      await expect.poll(() => claim.signal.reason).toBe('abandoned');
      await claim.done();
      expect(await isPending(jobs.dropped(forever())[Symbol.asyncIterator]().next())).toBe(true);
    });

    test('cancelling an unknown job changes nothing', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      await jobs.cancel(jobOf('unknown').completionId, 'cancelled');
      expect(await namesOf(jobs)).toEqual(['a']);
    });

    test('a deadline ends a waiting job as timeout, also where a later one was set first', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('later'));
      await enqueue(jobs, jobOf('soon', { deadline: new Date(Date.now() + 20) }));
      const { value } = await jobs.dropped(forever())[Symbol.asyncIterator]().next();
      expect(value).toMatchObject({ job: { completionId: 'soon' }, reason: 'timeout' });
      expect(await namesOf(jobs)).toEqual(['later']);
    });

    test('a deadline that has passed when the job comes drops it, so nobody claims it', async () => {
      await using jobs = await open(roomy);
      const claim = jobs.claim(model, forever());
      await enqueue(jobs, jobOf('too late', { deadline: new Date(Date.now() - 1) }));
      const { value } = await jobs.dropped(forever())[Symbol.asyncIterator]().next();
      expect(value).toMatchObject({ job: { completionId: 'too late' }, reason: 'timeout' });
      await enqueue(jobs, jobOf('in time'));
      expect((await claim).job.completionId).toBe('in time');
    });

    test('a deadline aborts the signal of a claimed job as timeout', async () => {
      await using jobs = await open(roomy);
      await enqueue(jobs, jobOf('a', { deadline: new Date(Date.now() + 50) }));
      const claim = await jobs.claim(model, forever());
      await expect.poll(() => claim.signal.reason).toBe('timeout');
    });

    test('disposing rejects pending claims, ends consumers, stops claimed jobs and closes the line', async () => {
      const jobs = await open(roomy);
      await enqueue(jobs, jobOf('a'));
      const claimed = await jobs.claim(model, forever());
      const claim = jobs.claim(model, forever()).catch((error: unknown) => error);
      const dropped = jobs.dropped(forever())[Symbol.asyncIterator]().next();
      await jobs[Symbol.asyncDispose]();
      expect(await claim).toBeInstanceOf(Error);
      expect((await dropped).done).toBe(true);
      expect(claimed.signal.reason).toBe('shutdown');
      await expect(jobs.reserve(requestOf())).rejects.toThrow();
      await expect(jobs.claim(model, forever())).rejects.toThrow();
    });
  });
}
