import { describe, expect, it } from 'vitest';
import { chooseThreads } from '../../../../src/inference/child/choose-threads.ts';
import { stepMeasure } from '../../../../src/inference/child/measure-step.ts';
import { createFakeDecoder } from './fake-decoder.ts';

/** What a step takes by number of threads, and which numbers were tried. */
function measurer(milliseconds: Record<number, number>) {
  const tried: number[] = [];
  return {
    tried,
    measure: async (threads: number) => {
      tried.push(threads);
      return milliseconds[threads]!;
    },
  };
}

describe('choosing threads', () => {
  it('takes a given number, and one where there is room for one, without measuring', async () => {
    const { tried, measure } = measurer({});
    expect(await chooseThreads(6, measure)).toBe(6);
    expect(await chooseThreads({ atMost: 1 }, measure)).toBe(1);
    expect(tried).toEqual([]);
  });

  it('doubles them up to the most there may be, as long as each is worth it', async () => {
    const { tried, measure } = measurer({ 1: 100, 2: 52, 4: 28, 7: 20 });
    expect(await chooseThreads({ atMost: 7 }, measure)).toBe(7);
    expect(tried).toEqual([1, 2, 4, 7]);
  });

  it('stops at the first that gains next to nothing', async () => {
    const { tried, measure } = measurer({ 1: 100, 2: 52, 4: 49 });
    expect(await chooseThreads({ atMost: 31 }, measure)).toBe(2);
    expect(tried).toEqual([1, 2, 4, 4]);
  });

  it('is not misled by something else that wanted the cores for a moment', async () => {
    const { measure } = measurer({ 1: 100, 2: 52, 3: 40 });
    let disturbed = false;
    const disturbedOnce = async (threads: number) => {
      if (threads !== 2 || disturbed) return measure(threads);
      disturbed = true;
      return 400;
    };
    expect(await chooseThreads({ atMost: 3 }, disturbedOnce)).toBe(3);
  });

  it('stops at the first whose threads hinder one another', async () => {
    const { tried, measure } = measurer({ 1: 10, 2: 600 });
    expect(await chooseThreads({ atMost: 15 }, measure)).toBe(1);
    expect(tried).toEqual([1, 2, 2]);
  });

  it('gives a tiny model one thread, whatever more would do', async () => {
    const { tried, measure } = measurer({ 1: 0.35, 2: 0.2 });
    expect(await chooseThreads({ atMost: 15 }, measure)).toBe(1);
    expect(tried).toEqual([1]);
  });
});

describe('measuring a step', () => {
  /** A decoder whose steps take so long by number of threads; its very first one reads the weights. */
  function open(milliseconds: Record<number, number>) {
    let time = 0;
    const decoder = createFakeDecoder();
    decoder.beforeStep = () => {
      time += decoder.steps.length === 1 ? 5_000 : milliseconds[decoder.threads]!;
    };
    const lines: string[] = [];
    const measure = stepMeasure(
      decoder,
      (_level, line) => lines.push(line),
      () => time,
    );
    return { decoder, lines, measure };
  }

  it('is the mean of a few single tokens, the first one left out', async () => {
    const { decoder, lines, measure } = open({ 1: 4, 2: 2.5 });
    expect(await measure(1)).toBe(4);
    expect(await measure(2)).toBe(2.5);
    expect(decoder.steps).toHaveLength(1 + 8 + 8);
    expect(decoder.steps.every(([entry]) => entry!.tokens.length === 1)).toBe(true);
    expect(lines).toEqual(['4.00 ms a step with 1 thread', '2.50 ms a step with 2 threads']);
  });

  it('takes a slow model no more steps than needed', async () => {
    const { decoder, measure } = open({ 1: 900 });
    expect(await measure(1)).toBe(900);
    expect(decoder.steps).toHaveLength(2);
  });

  it('leaves nothing behind', async () => {
    const { decoder, measure } = open({ 1: 1 });
    await measure(1);
    expect(decoder.evaluated[0]).toEqual([]);
    expect(decoder.samplers.live).toBe(0);
  });
});
