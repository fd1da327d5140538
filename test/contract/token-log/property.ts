import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { ChoiceDelta } from '../../../src/contracts/inference.ts';
import type { AppendableEvent, LogEvent, TokenLog } from '../../../src/contracts/token-log.ts';
import { type OpenTokenLog, usage } from './suite.ts';

type Step =
  | { readonly type: 'append'; readonly choices: readonly ChoiceDelta[] }
  | { readonly type: 'queued'; readonly position: number }
  | { readonly type: 'attach'; readonly resumeFraction: number }
  | { readonly type: 'pull'; readonly reader: number; readonly times: number }
  | {
      readonly type: 'crash';
      readonly reader: number;
      readonly by: 'return' | 'abort';
      readonly whilePending: boolean;
    };

const choiceDelta = fc.record({
  index: fc.integer({ min: 0, max: 3 }),
  text: fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constant('x'.repeat(5_000))),
  tokens: fc.integer({ min: 1, max: 3 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      choices: fc.uniqueArray(choiceDelta, { minLength: 1, maxLength: 3, selector: ({ index }) => index }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('queued' as const), position: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('attach' as const),
      resumeFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('pull' as const),
      reader: fc.nat(9),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      reader: fc.nat(9),
      by: fc.constantFrom('return' as const, 'abort' as const),
      whilePending: fc.boolean(),
    }),
  },
);

/** Somebody who reads, falls behind, crashes, and resumes after the last seq it received. */
async function attachFollower(log: TokenLog, id: CompletionId, from: number) {
  const received: LogEvent[] = [];
  const pending = new Set<Promise<void>>();
  let abort = new AbortController();
  let events = await open();

  async function open() {
    const opened = await log.read(id, received.at(-1)?.seq ?? from, abort.signal);
    if (!opened) throw new Error('the log is not held');
    return opened;
  }

  function pull(): void {
    const pulled = events.next().then(({ done, value }) => {
      if (!done) received.push(value);
      pending.delete(pulled);
    });
    pending.add(pulled);
  }

  return {
    from,
    received,
    pull,
    async crash(by: 'return' | 'abort', whilePending: boolean) {
      if (whilePending) pull();
      if (by === 'return') await events.return?.();
      else abort.abort();
      await Promise.all(pending);
      abort = new AbortController();
      events = await open();
    },
    async drain() {
      await Promise.all(pending);
      for await (const event of events) received.push(event);
    },
  };
}

function textAndTokens(deltas: readonly AppendableEvent[]) {
  const byChoice: Record<number, { text: string; tokens: number }> = {};
  for (const event of deltas) {
    if (event.type !== 'delta') continue;
    for (const { index, text, tokens } of event.choices) {
      const before = byChoice[index] ?? { text: '', tokens: 0 };
      byChoice[index] = { text: before.text + text, tokens: before.tokens + tokens };
    }
  }
  return byChoice;
}

/** Whatever readers do, each gets what the log says after its offset: merged or not, crashed or not. */
export function describeTokenLogReaders(name: string, open: OpenTokenLog, runs: number): void {
  describe(`${name} token log, any interleaving`, () => {
    test('every reader gets the same text and tokens after its offset, in rising seqs, then one terminal event', async () => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(5), async (steps, terminalGap) => {
          count += 1;
          const id = `0190c0de-0000-7000-8000-${String(count).padStart(12, '0')}` as CompletionId;
          await using log = await open();
          await log.create(id, 0);
          const appended: AppendableEvent[] = [];
          const followers = [await attachFollower(log, id, 0)];
          for (const action of steps) {
            const follower = 'reader' in action ? followers[action.reader % followers.length] : undefined;
            switch (action.type) {
              case 'append':
              case 'queued': {
                const event: AppendableEvent =
                  action.type === 'append'
                    ? { type: 'delta', choices: action.choices }
                    : { type: 'queued', position: action.position, estimatedWaitSeconds: null };
                appended.push(event);
                expect(await log.append(id, 1, event)).toBe(appended.length);
                break;
              }
              case 'attach':
                followers.push(await attachFollower(log, id, Math.floor(appended.length * action.resumeFraction)));
                break;
              case 'pull':
                for (let time = 0; time < action.times; time += 1) follower?.pull();
                break;
              case 'crash':
                await follower?.crash(action.by, action.whilePending);
                break;
              default:
                action satisfies never;
            }
          }
          const terminalSeq = appended.length + 1 + terminalGap;
          await log.finalise(id, 1, { type: 'finished', usage }, terminalSeq);
          for (const follower of followers) {
            await follower.drain();
            const { from, received } = follower;
            expect(received.at(-1)).toMatchObject({ type: 'finished', seq: terminalSeq, usage });
            const beforeTheEnd = received.slice(0, -1);
            let last = from;
            for (const [position, event] of beforeTheEnd.entries()) {
              expect(event.seq).toBeGreaterThan(last);
              last = event.seq;
              expect(event.type).toBe(appended[event.seq - 1]?.type);
              const soFar = textAndTokens(beforeTheEnd.slice(0, position + 1) as AppendableEvent[]);
              expect(soFar).toEqual(textAndTokens(appended.slice(from, event.seq)));
            }
            expect(last).toBe(Math.max(from, appended.length));
          }
        }),
        { numRuns: runs },
      );
    });
  });
}
