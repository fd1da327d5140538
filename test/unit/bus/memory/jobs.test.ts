import { expect, test } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import { enqueue, forever, jobOf, model, placeIn, requestOf } from '../../../contract/jobs/suite.ts';

const limits = { queueRequests: 100, queuePromptTokens: 10_000, queueSeconds: 60 };

function openAt(startMilliseconds: number, slots = 2) {
  let milliseconds = startMilliseconds;
  let ready = true;
  return {
    jobs: createMemoryJobs({
      clock: () => new Date(milliseconds),
      limits,
      slots: () => slots,
      ready: () => ready,
    }),
    load: (loaded: boolean) => {
      ready = loaded;
    },
    passSeconds: (seconds: number) => {
      milliseconds += seconds * 1_000;
    },
  };
}

test('nobody knows how long a wait is while the model is being loaded, also where a slot is free', async () => {
  const { jobs, load } = openAt(Date.now());
  await using _ = jobs;
  load(false);
  expect(await enqueue(jobs, jobOf('waits'))).toMatchObject({ position: 0, estimatedWaitSeconds: null });
  await jobs.claim(model, forever());
  const claiming = jobs.claim(model, forever());
  expect(await enqueue(jobs, jobOf('starts'))).toMatchObject({ position: 0, estimatedWaitSeconds: null });
  await claiming;
  load(true);
  expect(await enqueue(jobs, jobOf('waits too'))).toMatchObject({ position: 0, estimatedWaitSeconds: null });
});

test('waits are estimated from the time between beginning and done: what came before, as a model that was loaded, comes once', async () => {
  const { jobs, passSeconds } = openAt(Date.now());
  await using _ = jobs;
  for (const name of ['a', 'b', 'c', 'd', 'e']) await enqueue(jobs, jobOf(name));
  const claims = [await jobs.claim(model, forever()), await jobs.claim(model, forever())];
  expect((await jobs.positions()).map(({ estimatedWaitSeconds }) => estimatedWaitSeconds)).toEqual([null, null, null]);
  passSeconds(45);
  for (const claim of claims) claim.began();
  passSeconds(30);
  for (const claim of claims) await claim.done();
  for (const _ of claims) await jobs.claim(model, forever());
  expect(await jobs.positions()).toEqual([{ completionId: 'e', position: 0, estimatedWaitSeconds: 15 }]);
  for (const position of [1, 2, 3]) {
    expect(await enqueue(jobs, jobOf(`late ${position}`))).toMatchObject({
      position,
      estimatedWaitSeconds: 15 * (position + 1),
    });
  }
  expect(await jobs.reserve(requestOf())).toEqual({
    accepted: false,
    reason: 'wait',
    retryAfterSeconds: 15,
  });
});

test('a job that never began, its model being loaded in vain, says nothing of how long others take', async () => {
  const { jobs, passSeconds } = openAt(Date.now(), 1);
  await using _ = jobs;
  for (const name of ['a', 'b']) await enqueue(jobs, jobOf(name));
  const claim = await jobs.claim(model, forever());
  passSeconds(90);
  await claim.done();
  expect(await jobs.positions()).toMatchObject([{ estimatedWaitSeconds: 0 }]);
  await jobs.claim(model, forever());
  expect(await enqueue(jobs, jobOf('c'))).toMatchObject({ estimatedWaitSeconds: null });
});

test('a claimed job takes a slot for each of its choices, so that who comes next is not told that it starts at once', async () => {
  const { jobs } = openAt(Date.now(), 4);
  await using _ = jobs;
  const { inference, ...rest } = jobOf('many');
  await enqueue(jobs, { ...rest, inference: { ...inference, n: 4 } });
  const claim = await jobs.claim(model, forever());
  expect(await enqueue(jobs, jobOf('next'))).toMatchObject({ position: 0, estimatedWaitSeconds: null });
  await claim.done();
  expect(await jobs.positions()).toMatchObject([{ estimatedWaitSeconds: 0 }]);
});

test('a job past its deadline by the clock is dropped rather than claimed, before any timer rings', async () => {
  const { jobs, passSeconds } = openAt(1_000_000);
  await using _ = jobs;
  await enqueue(jobs, jobOf('overdue', { deadline: new Date(1_500_000) }));
  await enqueue(jobs, jobOf('in time', { deadline: new Date(2_000_000) }));
  passSeconds(600);
  expect((await jobs.claim(model, forever())).job.completionId).toBe('in time');
  const { value } = await jobs.dropped(forever())[Symbol.asyncIterator]().next();
  expect(value).toMatchObject({ job: { completionId: 'overdue' }, reason: 'timeout' });
});

test('a claimant that ends its job inside the abort is left in peace', async () => {
  const { jobs } = openAt(1_000_000);
  await using _ = jobs;
  await enqueue(jobs, jobOf('a'));
  const claim = await jobs.claim(model, forever());
  const done = new Promise<void>((resolve) => claim.signal.addEventListener('abort', () => resolve(claim.done())));
  await jobs.cancel(claim.job.completionId, 'cancelled');
  await done;
  await jobs.cancel(claim.job.completionId, 'timeout');
  expect(claim.signal.reason).toBe('cancelled');
});

test('no timer keeps the process alive, and none rings after disposal', async () => {
  const timersBefore = process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;
  const jobs = createMemoryJobs({ limits, slots: () => 1, ready: () => true });
  const place = await placeIn(jobs);
  await enqueue(jobs, jobOf('a', { deadline: new Date(Date.now() + 86_400_000) }));
  expect(process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length).toBe(timersBefore);
  await jobs[Symbol.asyncDispose]();
  await jobs.cancel(jobOf('a').completionId, 'cancelled');
  expect(await jobs.positions()).toEqual([]);
  await expect(place.enqueue(jobOf('b'))).rejects.toThrow('closed');
  place[Symbol.dispose]();
});
