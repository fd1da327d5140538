import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/contracts/errors.ts';
import type { Completion } from '../../../src/contracts/stores/completions.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import type { Principal } from '../../../src/domain/access/principal.ts';
import type { Completions } from '../../../src/domain/completions/completions.ts';
import { createPullIterator } from '../../../src/lib/pull-iterator.ts';
import { collect } from '../../../src/openai/collect.ts';
import { openGenerations } from '../../../src/openai/generations.ts';

const usage = { promptTokens: 1, cachedPromptTokens: 0, completionTokens: 2 };
const at = new Date(0);

/** A domain whose completions are their inputs, and whose readers tests feed by hand. */
function createFakeDomain(refused: (input: unknown) => boolean = () => false) {
  const logs: { left: boolean; append(event: object): void }[] = [];
  const domain: Pick<Completions, 'create' | 'readEvents'> = {
    async create(_principal, input) {
      if (refused(input)) throw new DomainError('OVERLOADED', 'no room');
      return { created: true, completion: { n: 1 } as Completion };
    },
    async readEvents(_principal, _target, _after, signal) {
      const events: LogEvent[] = [];
      let over = false;
      const { iterator, wake } = createPullIterator<LogEvent>(
        {
          take: () => events.shift(),
          isOver: () => over && events.length === 0,
          onWait() {},
          onEnd: () => log.leave(),
        },
        signal,
      );
      const log = {
        left: signal.aborted,
        leave() {
          log.left = true;
        },
        append(event: object) {
          const appended = { seq: 1, at, ...event } as LogEvent;
          events.push(appended);
          over = appended.type === 'finished';
          wake();
        },
      };
      logs.push(log);
      return { completionId: 'id' as never, events: iterator };
    },
  };
  return { domain, logs };
}

const delta = (text: string) => ({ type: 'delta', choices: [{ index: 0, text, tokens: 1 }] });
const finished = { type: 'finished', usage };
const principal = {} as Principal;

describe('the completions of one request', () => {
  it('are read as they come, and answered in the order of their prompts', async () => {
    const { domain, logs } = createFakeDomain();
    const generations = await openGenerations(domain, principal, [{}, {}], 0, new AbortController());
    const answer = collect(generations);
    logs[1]!.append(delta('second'));
    logs[0]!.append(delta('fi'));
    logs[1]!.append(finished);
    logs[0]!.append(delta('rst'));
    logs[0]!.append(finished);
    expect(await answer).toEqual({
      choices: [
        { text: 'first', finishReason: 'stop' },
        { text: 'second', finishReason: 'stop' },
      ],
      usages: [usage, usage],
    });
  });

  it('are all left when one of them is refused', async () => {
    const { domain, logs } = createFakeDomain((input) => (input as { last?: boolean }).last === true);
    const leaving = new AbortController();
    const opening = openGenerations(domain, principal, [{}, {}, { last: true }], 0, leaving);
    await expect(opening).rejects.toThrow('no room');
    expect(leaving.signal.aborted).toBe(true);
    expect(logs.map(({ left }) => left)).toEqual([true, true]);
  });

  it('are attached to even for a caller that has left, so that leaving ends them', async () => {
    const { domain, logs } = createFakeDomain();
    const leaving = new AbortController();
    leaving.abort();
    await openGenerations(domain, principal, [{}], 0, leaving);
    expect(logs.map(({ left }) => left)).toEqual([true]);
  });
});
