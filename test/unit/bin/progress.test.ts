import { expect, test, vi } from 'vitest';
import { createProgress } from '../../../bin/progress.mjs';

const clearLine = '\r\u001b[K';

function recordingStream(isTTY: boolean) {
  let written = '';
  const stream = {
    isTTY,
    write(text: string) {
      written += text;
      return true;
    },
  };
  return { stream: stream as never, written: () => written };
}

/** Runs work of so many milliseconds on a clock of its own. */
async function watch(isTTY: boolean, milliseconds: number, fails = false) {
  vi.useFakeTimers();
  vi.stubEnv('TERM', 'xterm');
  try {
    const { stream, written } = recordingStream(isTTY);
    const work = () =>
      new Promise<string>((resolve, reject) => {
        setTimeout(() => (fails ? reject(new Error('broken')) : resolve('result')), milliseconds);
      });
    const outcome = createProgress(stream)('Working', work).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(milliseconds);
    return { outcome: await outcome, written: written() };
  } finally {
    vi.unstubAllEnvs();
    vi.useRealTimers();
  }
}

test('a file gets plain lines, and none for what is done within a second', async () => {
  expect(await watch(false, 2_500)).toEqual({ outcome: 'result', written: 'Working …\nWorking: done in 2.5 s\n' });
  expect(await watch(false, 900)).toEqual({ outcome: 'result', written: '' });
});

test('a terminal gets one line that moves with the time elapsed, and is left clean', async () => {
  const { written } = await watch(true, 2_500);
  expect(written).toContain('Working 1.5 s');
  expect(written.endsWith(`${clearLine}Working: done in 2.5 s\n`)).toBe(true);
  expect((await watch(true, 500)).written.endsWith(clearLine)).toBe(true);
});

test.each([true, false])('a failure is shown and passed on (terminal: %s)', async (isTTY) => {
  const { outcome, written } = await watch(isTTY, 300, true);
  expect(outcome).toBe('broken');
  expect(written).toContain('Working: failed after 0.3 s\n');
});
