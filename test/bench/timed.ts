/** What it gave, and how long it took. */
export async function timed<T>(run: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const start = performance.now();
  const result = await run();
  return { result, seconds: Number(((performance.now() - start) / 1_000).toFixed(2)) };
}
