import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId, ProjectId } from '../../contracts/ids.ts';
import type { Completion, CompletionStore } from '../../contracts/stores/completions.ts';
import type { LogEvent, TokenLog } from '../../contracts/token-log.ts';
import type { ReadyIterator } from '../../lib/pull-iterator.ts';
import { type Principal, requireScope, seesProject } from '../access/principal.ts';
import { requireStorable } from '../text.ts';
import type { Creations } from './creations.ts';
import { isFinal } from './endings.ts';
import { overloaded } from './overloaded.ts';
import { createStoredEvents } from './stored-events.ts';

/** Which completion: by id, by the idempotency key that the same API key created (or is creating) it with, or one at hand. */
export type CompletionTarget =
  | { readonly type: 'id'; readonly id: CompletionId }
  | { readonly type: 'known'; readonly completion: Completion }
  | { readonly type: 'idempotency-key'; readonly idempotencyKey: string };

/** The events of one completion to one reader. */
export interface CompletionEvents {
  readonly completionId: CompletionId;
  readonly events: ReadyIterator<LogEvent>;
}

/**
 * Reads a completion's events after `after`, from its log while that is held, else from the stored completion with the same seqs.
 * Throws NOT_FOUND (unknown, or another project's: the two are not told apart) and OFFSET_EXPIRED (the content is gone).
 */
export type ReadEvents = (
  principal: Principal,
  target: CompletionTarget,
  after: number,
  signal: AbortSignal,
) => Promise<CompletionEvents>;

export interface ReadEventsOptions {
  readonly completions: CompletionStore;
  readonly log: TokenLog;
  readonly creations: Creations;
  readonly pipelineWaitSeconds: number;
}

export function createReadEvents({ completions, log, creations, pipelineWaitSeconds }: ReadEventsOptions): ReadEvents {
  const stored = createStoredEvents(completions);

  async function locate(principal: Principal, target: CompletionTarget, signal: AbortSignal): Promise<Located> {
    const located = await lookUp(principal, target, signal);
    if (!located || !seesProject(principal, located.projectId)) {
      throw new DomainError('NOT_FOUND', 'There is no such completion.');
    }
    return located;
  }

  async function lookUp(
    { apiKeyId }: Principal,
    target: CompletionTarget,
    signal: AbortSignal,
  ): Promise<Located | undefined> {
    switch (target.type) {
      case 'id': {
        const projectId = await completions.findProject(target.id);
        return projectId && { id: target.id, projectId, completion: undefined };
      }
      case 'known':
        return locatedBy(target.completion);
      case 'idempotency-key': {
        requireStorable({ idempotencyKey: target.idempotencyKey });
        const completion = await creations.waitFor(apiKeyId, target.idempotencyKey, pipelineWaitSeconds, signal);
        return completion && locatedBy(completion);
      }
      default:
        return target satisfies never;
    }
  }

  return async (principal, target, after, signal) => {
    requireScope(principal, 'COMPLETIONS');
    const { id: completionId, completion } = await locate(principal, target, signal);
    const giveUpAt = performance.now() + pipelineWaitSeconds * 1_000;
    for (let known = completion; ; ) {
      const live = await log.read(completionId, after, signal);
      if (live) return { completionId, events: live };
      if (known && isFinal(known)) return { completionId, events: stored.read(known, after, signal) };
      known = (await completions.find([completionId]))[0] ?? known;
      if (known && isFinal(known)) continue;
      // Admitted this very moment and about to have its log; or its process died, and the lease's end settles it.
      if (performance.now() > giveUpAt) {
        throw overloaded('The completion is being recovered.', 1);
      }
      await delay(launchPollMilliseconds, undefined, { signal, ref: false });
    }
  };
}

interface Located {
  readonly id: CompletionId;
  readonly projectId: ProjectId;
  /** Where it had to be read anyway. */
  readonly completion: Completion | undefined;
}

function locatedBy(completion: Completion): Located {
  return { id: completion.id, projectId: completion.projectId, completion };
}

const launchPollMilliseconds = 50;
