import { describe, expect, test } from 'vitest';
import { type Asking, estimateWaitSeconds, type LineLoad, refusalOf } from '../../../../src/bus/memory/bounds.ts';
import { createServiceTime } from '../../../../src/bus/memory/service-time.ts';

const limits = { queueRequests: 10, queuePromptTokens: 1_000, queueSeconds: 60 };

function loadOf(seconds: number | undefined, load: Partial<LineLoad>): LineLoad {
  const serviceTime = createServiceTime();
  if (seconds !== undefined) serviceTime.measure(seconds);
  return { held: { places: 0, promptTokens: 0 }, idle: 0, claimed: 4, slots: 4, ready: true, serviceTime, ...load };
}

describe('the estimated wait', () => {
  test('is the service time × the jobs until then ÷ the slots', () => {
    expect(estimateWaitSeconds(loadOf(20, {}), 0)).toBe(5);
    expect(estimateWaitSeconds(loadOf(20, {}), 7)).toBe(40);
  });

  test('is nothing as far as slots are free, and counts from there', () => {
    const load = loadOf(20, { claimed: 2 });
    expect([0, 1, 2, 3].map((position) => estimateWaitSeconds(load, position))).toEqual([0, 0, 5, 10]);
  });

  test('is unknown until a job was served', () => {
    expect(estimateWaitSeconds(loadOf(undefined, {}), 3)).toBeNull();
  });

  test('follows a change of the service time within some ten jobs', () => {
    const serviceTime = createServiceTime();
    serviceTime.measure(100);
    for (let served = 0; served < 10; served += 1) serviceTime.measure(10);
    expect(serviceTime.secondsToStart(1, 1)).toBeLessThan(20);
  });
});

/** Of the key that holds all of the line. */
function alone({ held }: LineLoad, promptTokens = 1): Asking {
  return { promptTokens, own: held, keys: 1, placesBefore: held.places };
}

function holding(places: number, promptTokens = places) {
  return { held: { places, promptTokens } };
}

describe('a refusal', () => {
  test('for the wait says when the wait is within bounds', () => {
    const two = loadOf(100, holding(2));
    expect(refusalOf(two, alone(two), limits)).toEqual({ accepted: false, reason: 'wait', retryAfterSeconds: 15 });
    const one = loadOf(100, holding(1));
    expect(refusalOf(one, alone(one), limits)).toBeUndefined();
  });

  test('for the wait counts what starts before, not what waits', () => {
    const asking = { promptTokens: 1, own: { places: 0, promptTokens: 0 }, keys: 2, placesBefore: 1 };
    expect(refusalOf(loadOf(100, holding(9)), asking, limits)).toBeUndefined();
  });

  test('for requests says when the next job starts', () => {
    const load = loadOf(10, holding(10));
    expect(refusalOf(load, alone(load), limits)).toMatchObject({ reason: 'requests', retryAfterSeconds: 3 });
    const unmeasured = loadOf(undefined, holding(10));
    expect(refusalOf(unmeasured, alone(unmeasured), limits)).toMatchObject({ retryAfterSeconds: 1 });
  });

  test('for prompt tokens says when enough of them have started', () => {
    const load = loadOf(10, holding(5, 1_000));
    expect(refusalOf(load, alone(load, 600), limits)).toMatchObject({ reason: 'prompt-tokens', retryAfterSeconds: 8 });
    expect(refusalOf(load, alone(load, 0), limits)).toBeUndefined();
  });

  test('never meets a request that a slot is free for', () => {
    const free = loadOf(100, { ...holding(1), claimed: 2 });
    expect(refusalOf(free, alone(free, 5_000), { ...limits, queueRequests: 0, queueSeconds: 0 })).toBeUndefined();
    const taken = loadOf(100, { ...holding(2), claimed: 2 });
    expect(refusalOf(taken, alone(taken, 5_000), limits)).toMatchObject({ reason: 'prompt-tokens' });
  });

  test('never meets a request that a claimant waits for', () => {
    const two = loadOf(100, { ...holding(1), idle: 2 });
    expect(refusalOf(two, alone(two, 5_000), limits)).toBeUndefined();
    const one = loadOf(100, { idle: 1 });
    expect(refusalOf(one, alone(one, 5), { ...limits, queueRequests: 0 })).toBeUndefined();
  });
});
