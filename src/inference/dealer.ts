import { sharedPrefix } from '../lib/shared-prefix.ts';
import type { Replica } from './replica.ts';

/** What a choice starts with. */
export interface DealtPrompt {
  readonly cacheScope: string;
  readonly promptTokens: readonly number[];
}

/** A replica to run one choice on, which counts as busy with it until disposed. */
export interface Hand<R> extends Disposable {
  readonly replica: R;
}

/**
 * Deals choices to the replicas that are ready: to the least busy one; or, while it is hardly busier and has a sequence free, to the one that
 * was given most of the prompt before (at least half: a chat that goes on, another choice of the same prompt).
 */
export interface Dealer<R> {
  /** Undefined where none is ready. */
  deal(prompt: DealtPrompt): Hand<R> | undefined;
}

/** By how much of its sequences a replica may be busier than another, and still be given what it has evaluated. */
const mostImbalance = 1 / 4;

export function createDealer<R extends Pick<Replica, 'state' | 'pid'>>(
  replicas: readonly R[],
  sequences: number,
): Dealer<R> {
  const players = replicas.map((replica) => createPlayer(replica, sequences));

  return {
    deal(prompt) {
      const ready = players.filter(({ replica }) => replica.state.type === 'ready');
      const [leastBusy] = ready.toSorted((a, b) => a.busy - b.busy);
      if (leastBusy === undefined) return undefined;
      const most = Math.min(sequences - 1, leastBusy.busy + sequences * mostImbalance);
      const [familiar] = ready
        .filter(({ busy }) => busy <= most)
        .map((player) => ({ player, known: player.knows(prompt) }))
        .sort((a, b) => b.known - a.known);
      const isFamiliar = familiar !== undefined && familiar.known * 2 >= prompt.promptTokens.length;
      return (isFamiliar ? familiar.player : leastBusy).take(prompt);
    },
  };
}

interface Player<R> {
  readonly replica: R;
  readonly busy: number;
  /** How many tokens of the prompt it may still have evaluated. */
  knows(prompt: DealtPrompt): number;
  take(prompt: DealtPrompt): Hand<R>;
}

function createPlayer<R extends Pick<Replica, 'pid'>>(replica: R, sequences: number): Player<R> {
  let busy = 0;
  let recent: DealtPrompt[] = [];
  let pid: number | undefined;

  /** A new process has evaluated nothing. */
  function known(): readonly DealtPrompt[] {
    if (pid !== replica.pid) recent = [];
    pid = replica.pid;
    return recent;
  }

  return {
    replica,
    get busy() {
      return busy;
    },
    knows: (prompt) => Math.max(0, ...known().map((before) => sharedTokens(before, prompt))),
    take(prompt) {
      recent = [prompt, ...known()].slice(0, sequences);
      busy += 1;
      let held = true;
      return {
        replica,
        [Symbol.dispose]() {
          if (held) busy -= 1;
          held = false;
        },
      };
    },
  };
}

function sharedTokens(before: DealtPrompt, prompt: DealtPrompt): number {
  return before.cacheScope === prompt.cacheScope ? sharedPrefix(before.promptTokens, prompt.promptTokens) : 0;
}
