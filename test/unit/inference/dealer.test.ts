import { describe, expect, it } from 'vitest';
import { createDealer, type DealtPrompt } from '../../../src/inference/dealer.ts';

type State = 'ready' | 'loading';

const prompt = (length: number, first = 0, cacheScope = 'a'): DealtPrompt => {
  return { cacheScope, promptTokens: Array.from({ length }, (_, i) => first + i) };
};

function table(...states: State[]) {
  const replicas = states.map((type, index) => ({ index, pid: index as number | undefined, state: { type } }));
  const dealer = createDealer(replicas, 8);
  return { replicas, dealer, deal: (asked: DealtPrompt) => dealer.deal(asked)?.replica.index };
}

describe('a choice is dealt', () => {
  it('to the least busy replica, counting from the moment it is dealt until it has ended', () => {
    const { dealer, deal } = table('ready', 'ready');
    const hands = Array.from({ length: 6 }, (_, i) => dealer.deal(prompt(10, 100 * i))!);
    expect(hands.map(({ replica }) => replica.index)).toEqual([0, 1, 0, 1, 0, 1]);
    for (const index of [1, 3, 3, 3]) hands[index]![Symbol.dispose]();
    expect([deal(prompt(10, 700)), deal(prompt(10, 800)), deal(prompt(10, 900))]).toEqual([1, 1, 0]);
  });

  it('to nobody while none is ready, and only to those that are', () => {
    expect(table('loading').deal(prompt(10))).toBeUndefined();
    const { deal } = table('loading', 'ready');
    expect([deal(prompt(10)), deal(prompt(10, 50))]).toEqual([1, 1]);
  });

  it('to the one that had at least half of its prompt before, while that is hardly busier', () => {
    const { deal } = table('ready', 'ready');
    expect([1, 2, 3, 4].map(() => deal(prompt(40)))).toEqual([0, 0, 0, 1]);
    const { deal: dealOthers } = table('ready', 'ready');
    expect([dealOthers(prompt(40)), dealOthers(prompt(81)), dealOthers(prompt(82))]).toEqual([0, 1, 1]);
  });

  it('not for what another scope sent, nor for what a process that has died knew', () => {
    const { deal } = table('ready', 'ready');
    expect([deal(prompt(40, 0, 'a')), deal(prompt(40, 0, 'b'))]).toEqual([0, 1]);
    const { dealer, replicas } = table('ready', 'ready');
    dealer.deal(prompt(40, 900))![Symbol.dispose]();
    using _busy = dealer.deal(prompt(40))!;
    expect(_busy.replica.index).toBe(0);
    replicas[0]!.pid = 77;
    expect(dealer.deal(prompt(40))!.replica.index).toBe(1);
  });
});
