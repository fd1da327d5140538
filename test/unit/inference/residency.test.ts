import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MemoryClaim } from '../../../src/inference/memory-place.ts';
import { createResidency, type Resident, type ResidentOptions } from '../../../src/inference/residency.ts';

const forever = new AbortController().signal;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Models that take what they are said to, and load in so many seconds. */
function openMemory(memory: number | Readonly<Record<string, number>>) {
  const places = typeof memory === 'number' ? { memory } : memory;
  const residency = createResidency({ capacities: async () => new Map(Object.entries(places)) });
  const unloaded: string[] = [];
  return {
    residency,
    unloaded,
    /** Needs so much over all places, or so much in each. */
    join(
      name: string,
      needed: number | Readonly<Record<string, number>>,
      changes: Partial<ResidentOptions> = {},
    ): Resident {
      return residency.join({
        name,
        keepAliveSeconds: null,
        claim: async () => claimOf(needed, Object.keys(places)),
        unload: async () => void unloaded.push(name),
        changed: () => {},
        ...changes,
      });
    },
  };
}

function claimOf(needed: number | Readonly<Record<string, number>>, places: readonly string[]): MemoryClaim {
  if (typeof needed === 'number') return { bytes: needed, parts: [{ places, bytes: needed }] };
  const parts = Object.entries(needed).map(([place, bytes]) => ({ places: [place], bytes }));
  return { bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts };
}

/** Uses the model for as long as nothing disposes the result; where it takes seconds to load, they pass first. */
async function use(resident: Resident, loadSeconds = 0): Promise<Disposable> {
  const held = await resident.use(forever);
  await vi.advanceTimersByTimeAsync(loadSeconds * 1000);
  resident.loaded();
  return held;
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

function watched<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}

describe('models in memory', () => {
  it('stay for as long as there is room', async () => {
    const { join, unloaded, residency } = openMemory(100);
    expect(residency.places()).toEqual([]);
    const [a, b] = [join('a', 60), join('b', 40)];
    (await use(a))[Symbol.dispose]();
    (await use(b))[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([a.state, b.state, a.bytes, b.bytes]).toEqual(['in', 'in', 60, 40]);
    expect(unloaded).toEqual([]);
    expect(residency.places()).toEqual([{ name: 'memory', bytes: 100, reservedBytes: 100 }]);
  });

  it('make room by the least recent use, and only as much as is needed', async () => {
    const { join, unloaded } = openMemory(100);
    const [a, b, c] = [join('a', 40), join('b', 40), join('c', 40)];
    (await use(a))[Symbol.dispose]();
    (await use(b))[Symbol.dispose]();
    (await use(a))[Symbol.dispose]();
    (await use(c))[Symbol.dispose]();
    expect(unloaded).toEqual(['b']);
    expect([a.state, b.state, c.state]).toEqual(['in', 'out', 'in']);
  });

  it('never leave while they are in use', async () => {
    const { join, unloaded } = openMemory(100);
    const [a, b] = [join('a', 60), join('b', 60)];
    const held = await use(a, 5);
    const wanted = watched(b.use(forever));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([a.state, b.state, unloaded]).toEqual(['leaving', 'waiting', []]);
    const returning = watched(a.use(forever));
    held[Symbol.dispose]();
    await settled();
    expect(unloaded).toEqual(['a']);
    expect(wanted.value).toBeDefined();
    expect(returning.value).toBeUndefined();
    expect([a.state, b.state]).toEqual(['waiting', 'in']);
  });

  it('may work for as long as they took to load before they make room', async () => {
    const { join } = openMemory(100);
    const [a, b] = [join('a', 60), join('b', 60)];
    const held = await use(a, 20);
    watched(b.use(forever));
    await vi.advanceTimersByTimeAsync(19_000);
    const another = watched(a.use(forever));
    await settled();
    expect(a.state).toBe('in');
    expect(another.value).toBeDefined();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(a.state).toBe('leaving');
    held[Symbol.dispose]();
    another.value![Symbol.dispose]();
    await settled();
    expect([a.state, b.state]).toEqual(['out', 'in']);
  });

  it('stay for a moment between two requests while they may work, and leave when none comes', async () => {
    const { join, unloaded } = openMemory(100);
    const [a, b] = [join('a', 60), join('b', 60)];
    const held = await use(a, 20);
    const wanted = watched(b.use(forever));
    held[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(300);
    const next = await a.use(forever);
    await vi.advanceTimersByTimeAsync(300);
    next[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(300);
    expect(unloaded).toEqual([]);
    await vi.advanceTimersByTimeAsync(300);
    expect(unloaded).toEqual(['a']);
    expect(wanted.value).toBeDefined();
  });

  it('take turns where only one fits, however hard each is used', async () => {
    const { join, unloaded } = openMemory(100);
    const residents = ['a', 'b', 'c'].map((name) => join(name, 60));
    const served = await serveTenMinutes(residents, 2);
    expect(unloaded.length).toBeGreaterThan(20);
    expect(Math.min(...served)).toBeGreaterThan(Math.max(...served) / 2);
  });

  it('stay after all when those who wanted their room have left', async () => {
    const { join, unloaded } = openMemory(100);
    const [a, b] = [join('a', 60), join('b', 60)];
    const held = await use(a);
    const leaving = new AbortController();
    const wanted = watched(b.use(leaving.signal));
    await settled();
    const more = watched(a.use(forever));
    expect([a.state, more.value]).toEqual(['leaving', undefined]);
    leaving.abort('gone');
    await settled();
    expect(wanted.error).toBe('gone');
    expect([a.state, b.state]).toEqual(['in', 'out']);
    expect(more.value).toBeDefined();
    held[Symbol.dispose]();
    expect(unloaded).toEqual([]);
  });

  it('reject all who wait where they cannot be measured, and are measured anew for the next', async () => {
    const { join } = openMemory(100);
    const claim = vi.fn(async () => claimOf(10, ['memory'])).mockRejectedValueOnce(new Error('no such file'));
    const a = join('a', 0, { claim });
    const waiting = [a.use(forever), a.use(forever)];
    for (const use of waiting) await expect(use).rejects.toThrow('no such file');
    expect(a.state).toBe('out');
    await use(a);
    expect(a.state).toBe('in');
  });

  it('leave when nobody has used them for their keep-alive', async () => {
    const { join, unloaded } = openMemory(100);
    const a = join('a', 60, { keepAliveSeconds: 30 });
    const held = await use(a);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(a.state).toBe('in');
    held[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(29_000);
    (await use(a))[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(unloaded).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([a.state, unloaded]).toEqual(['out', ['a']]);
  });

  it('leave on request once what runs has ended; what comes meanwhile loads them again', async () => {
    const { join, unloaded } = openMemory(100);
    const a = join('a', 60);
    await a.leave();
    const held = await use(a);
    const left = [watched(a.leave().then(() => 'left')), watched(a.leave().then(() => 'left'))];
    const late = watched(a.use(forever));
    await settled();
    expect([a.state, left[0]!.value, late.value]).toEqual(['leaving', undefined, undefined]);
    held[Symbol.dispose]();
    await settled();
    expect(left.map(({ value }) => value)).toEqual(['left', 'left']);
    expect(late.value).toBeDefined();
    expect([a.state, unloaded]).toEqual(['in', ['a']]);
  });

  it('come in without making room only where there is room', async () => {
    const { join, unloaded } = openMemory(100);
    const [a, b, c] = [join('a', 60), join('b', 60), join('c', 40)];
    (await a.useIfFree())![Symbol.dispose]();
    expect(await b.useIfFree()).toBeUndefined();
    expect(await c.useIfFree()).toBeDefined();
    expect([a.state, b.state, c.state, unloaded]).toEqual(['in', 'out', 'in', []]);
  });

  it('are given up on when the pool stops', async () => {
    const { join, residency } = openMemory(100);
    const [a, b] = [join('a', 60), join('b', 60)];
    await use(a);
    const waiting = watched(b.use(forever));
    await settled();
    residency[Symbol.dispose]();
    await settled();
    expect(waiting.error).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  });
});

describe('models on devices of their own', () => {
  const devices = { large: 80, small: 40 };

  it('find room only where a single device has it, whatever all have together', async () => {
    const { join, unloaded } = openMemory(devices);
    const [a, b] = [join('a', { large: 60 }), join('b', { large: 30 })];
    (await use(a))[Symbol.dispose]();
    expect(await b.useIfFree()).toBeUndefined();
    expect(await join('c', { small: 30 }).useIfFree()).toBeDefined();
    (await use(b))[Symbol.dispose]();
    expect([a.state, b.state, unloaded]).toEqual(['out', 'in', ['a']]);
  });

  it('make room on the device that is short, and nobody leaves from another', async () => {
    const { join, unloaded } = openMemory(devices);
    const [old, onLarge, onSmall] = [
      join('old', { small: 40 }),
      join('onLarge', { large: 50 }),
      join('c', { large: 50 }),
    ];
    (await use(old))[Symbol.dispose]();
    (await use(onLarge))[Symbol.dispose]();
    (await use(onSmall))[Symbol.dispose]();
    expect(unloaded).toEqual(['onLarge']);
    expect([old.state, onLarge.state, onSmall.state]).toEqual(['in', 'out', 'in']);
  });

  it('with a replica on each need room on all of them', async () => {
    const { join, unloaded } = openMemory(devices);
    const [a, b, both] = [join('a', { large: 30 }), join('b', { small: 30 }), join('both', { large: 30, small: 30 })];
    (await use(a))[Symbol.dispose]();
    (await use(b))[Symbol.dispose]();
    (await use(both))[Symbol.dispose]();
    expect(unloaded).toEqual(['b']);
    expect([a.state, both.state, both.bytes]).toEqual(['in', 'in', 60]);
  });

  it('do not wait for those who wait for another device, but for those before them on their own', async () => {
    const { join } = openMemory(devices);
    const [busy, first, second, elsewhere] = [
      join('busy', { large: 60 }),
      join('first', { large: 40 }),
      join('second', { large: 10 }),
      join('elsewhere', { small: 40 }),
    ];
    const held = await use(busy, 5);
    const waiting = [watched(first.use(forever)), watched(second.use(forever)), watched(elsewhere.use(forever))];
    await settled();
    expect(waiting.map(({ value }) => value !== undefined)).toEqual([false, false, true]);
    held[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(waiting.every(({ value }) => value !== undefined)).toBe(true);
    expect([busy.state, first.state, second.state]).toEqual(['out', 'in', 'in']);
  });

  it('stay after all when those who wanted their device have left, though others wait elsewhere', async () => {
    const { join, unloaded } = openMemory(devices);
    const [onLarge, onSmall] = [join('onLarge', { large: 60 }), join('onSmall', { small: 30 })];
    const held = [await use(onLarge), await use(onSmall)];
    const leaving = new AbortController();
    const wanted = [
      watched(join('c', { large: 60 }).use(leaving.signal)),
      watched(join('d', { small: 30 }).use(forever)),
    ];
    await settled();
    expect([onLarge.state, onSmall.state]).toEqual(['leaving', 'leaving']);
    leaving.abort('gone');
    await settled();
    expect([onLarge.state, onSmall.state]).toEqual(['in', 'leaving']);
    for (const use of held) use[Symbol.dispose]();
    await settled();
    expect(unloaded).toEqual(['onSmall']);
    expect(wanted.map(({ error, value }) => error ?? value !== undefined)).toEqual(['gone', true]);
  });

  it('lie beside one that is spread over all, as their free memory let it', async () => {
    const { join, residency, unloaded } = openMemory(devices);
    (await use(join('placed', { large: 40 })))[Symbol.dispose]();
    (await use(join('spread', 60)))[Symbol.dispose]();
    expect(residency.places()).toEqual([
      { name: 'large', bytes: 80, reservedBytes: 70 },
      { name: 'small', bytes: 40, reservedBytes: 30 },
    ]);
    (await use(join('late', { large: 40 })))[Symbol.dispose]();
    expect(unloaded).toEqual(['placed']);
  });

  it('take turns on each of three devices, and none starves', async () => {
    const { join } = openMemory({ one: 100, two: 50, three: 20 });
    const needs = [
      { one: 60 },
      { one: 60 },
      { two: 30 },
      { two: 30 },
      { three: 15 },
      { three: 15 },
      { one: 60, two: 30, three: 15 },
    ];
    const residents = needs.map((need, index) => join(`m${index}`, need));
    const served = await serveTenMinutes(residents, 1);
    expect(Math.min(...served)).toBeGreaterThan(20);
  });
});

/** How often each was used by so many clients of its own, who ask again as soon as they were served. */
async function serveTenMinutes(residents: readonly Resident[], clientsEach: number): Promise<number[]> {
  const served = residents.map(() => 0);
  const stop = new AbortController();
  const clients = residents.flatMap((resident, index) =>
    Array.from({ length: clientsEach }, async () => {
      while (!stop.signal.aborted) {
        using _held = await resident.use(stop.signal);
        setTimeout(resident.loaded, 1_000);
        await new Promise((done) => setTimeout(done, 1_500));
        served[index]! += 1;
      }
    }),
  );
  await vi.advanceTimersByTimeAsync(600_000);
  stop.abort();
  await Promise.all([Promise.allSettled(clients), vi.advanceTimersByTimeAsync(10_000)]);
  return served;
}
