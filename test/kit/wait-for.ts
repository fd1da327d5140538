import { setTimeout as delay } from 'node:timers/promises';

/** Resolves with the first truthy answer; fails the test with the description when none comes in time. */
export async function waitFor<T>(
  description: string,
  check: () => T | Promise<T>,
  milliseconds = 10_000,
): Promise<Exclude<T, null | undefined | false | 0 | ''>> {
  const giveUpAt = performance.now() + milliseconds;
  for (;;) {
    const answer = await check();
    if (answer) return answer as Exclude<T, null | undefined | false | 0 | ''>;
    if (performance.now() > giveUpAt) throw new Error(`waited ${milliseconds} ms for ${description}`);
    await delay(20);
  }
}
