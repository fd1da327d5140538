import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createResidency, type Resident, type ResidentOptions } from '../../../src/inference/residency.ts';

const forever = new AbortController().signal;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Models that take what they are said to, and load in so many seconds. */
function openMemory(bytes: number, largestBytes = bytes) {
  const residency = createResidency({ budget: async () => ({ bytes, largestBytes }) });
  const unloaded: string[] = [];
  return {
    residency,
    unloaded,
    join(name: string, needed: number, changes: Partial<ResidentOptions> = {}): Resident {
      return residency.join({
        name,
        keepAliveSeconds: null,
        bytes: async () => needed,
        unload: async () => void unloaded.push(name),
        changed: () => {},
        ...changes,
      });
    },
  };
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
    expect(residency.budgetBytes).toBeNull();
    const [a, b] = [join('a', 60), join('b', 40)];
    (await use(a))[Symbol.dispose]();
    (await use(b))[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([a.state, b.state, a.bytes, b.bytes]).toEqual(['in', 'in', 60, 40]);
    expect(unloaded).toEqual([]);
    expect(residency.budgetBytes).toBe(100);
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
    const served = residents.map(() => 0);
    const stop = new AbortController();
    const clients = residents.flatMap((resident, index) =>
      [1, 2].map(async () => {
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

  it('are refused where they could never fit, and may fill everything where they lie partly elsewhere', async () => {
    const { join } = openMemory(100, 150);
    await expect(join('giant', 151).use(forever)).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringContaining('giant needs'),
    });
    const large = join('large', 150);
    (await use(large))[Symbol.dispose]();
    expect(large.bytes).toBe(100);
  });

  it('reject all who wait where they cannot be measured, and are measured anew for the next', async () => {
    const { join } = openMemory(100);
    const bytes = vi.fn(async () => 10).mockRejectedValueOnce(new Error('no such file'));
    const a = join('a', 0, { bytes });
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
