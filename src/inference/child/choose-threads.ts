import type { ThreadSetting } from '../protocol.ts';

/** What one step takes with so many threads. */
export type MeasureStep = (threads: number) => Promise<number>;

/** With one thread already this fast, a model is tiny: starting and joining more threads costs a step more than they save. */
const tinyStepMilliseconds = 1;
/** More threads than before must make a step faster by so much; each is a core that nobody else has. */
const worthwhile = 0.9;

/**
 * How many threads evaluate the model: as many as were asked for, or, where only the most is given, the fastest of 1, 2, 4 and so
 * on. Counts are tried upwards and only as long as each is worth it, so that the first one whose threads hinder one another
 * (by memory bandwidth, or by spinning on cores that others use) is the last one tried. Where there is nothing to choose,
 * nothing is measured.
 */
export async function chooseThreads(setting: ThreadSetting, measure: MeasureStep): Promise<number> {
  if (typeof setting === 'number') return setting;
  const { atMost } = setting;
  if (atMost <= 1) return 1;
  let chosen = 1;
  let fastest = await measure(1);
  if (fastest < tinyStepMilliseconds) return chosen;
  for (const threads of countsUpTo(atMost)) {
    const wanted = fastest * worthwhile;
    let milliseconds = await measure(threads);
    // Once more: something else may have wanted the core just then.
    if (milliseconds > wanted) milliseconds = await measure(threads);
    if (milliseconds > wanted) break;
    chosen = threads;
    fastest = milliseconds;
  }
  return chosen;
}

/** 2, 4, 8 and so on, and the most itself. */
function countsUpTo(most: number): readonly number[] {
  const counts: number[] = [];
  for (let count = 2; count < most; count *= 2) counts.push(count);
  return [...counts, most];
}
