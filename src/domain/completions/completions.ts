import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Jobs } from '../../contracts/jobs.ts';
import type { Completion, CompletionFilter, CompletionStore } from '../../contracts/stores/completions.ts';
import type { Page, PageRequest } from '../../contracts/stores/store.ts';
import { type Principal, requireScope, seesProject, visibleProject } from '../access/principal.ts';
import { requireStorable } from '../text.ts';
import type { CreateCompletion } from './create.ts';
import type { ReadEvents } from './events.ts';
import { isFinal } from './settle.ts';

/** Completions, as the faces see them. */
export interface Completions {
  readonly create: CreateCompletion;
  readonly readEvents: ReadEvents;
  /**
   * Reads a completion to its end as one more reader, and answers with it. Throws the signal's reason when that aborts first: the
   * caller has left, which may end the completion (see abandonment).
   */
  waitForEnd(principal: Principal, completion: Completion, signal: AbortSignal): Promise<Completion>;
  /**
   * Stops a completion and answers with it once it is final. Cancelling again, or one that has ended, changes nothing. Throws NOT_FOUND.
   */
  cancel(principal: Principal, id: CompletionId, signal: AbortSignal): Promise<Completion>;
  /** In the order of the ids; undefined for what is unknown or another project's. */
  find(principal: Principal, ids: readonly CompletionId[]): Promise<readonly (Completion | undefined)[]>;
  /** Of one project; of all with ADMIN and none named. Throws FORBIDDEN for another's. */
  list(principal: Principal, filter: CompletionFilter, page: PageRequest<CompletionId>): Promise<Page<Completion>>;
}

export interface CompletionsOptions {
  readonly create: CreateCompletion;
  readonly readEvents: ReadEvents;
  readonly completions: CompletionStore;
  readonly jobs: Jobs;
}

/** Only the end is of interest: a reader that waits beyond any event is handed nothing until then. */
const beyondAnyEvent = Number.MAX_SAFE_INTEGER;

export function createCompletions({ create, readEvents, completions, jobs }: CompletionsOptions): Completions {
  async function find(
    principal: Principal,
    ids: readonly CompletionId[],
  ): Promise<readonly (Completion | undefined)[]> {
    requireScope(principal, 'COMPLETIONS');
    const byId = new Map((await completions.find(ids)).map((completion) => [completion.id, completion]));
    return ids.map((id) => {
      const completion = byId.get(id);
      return completion && seesProject(principal, completion.projectId) ? completion : undefined;
    });
  }

  async function findOne(principal: Principal, id: CompletionId): Promise<Completion> {
    const [completion] = await find(principal, [id]);
    if (!completion) throw new DomainError('NOT_FOUND', 'There is no such completion.');
    return completion;
  }

  async function waitForEnd(principal: Principal, completion: Completion, signal: AbortSignal): Promise<Completion> {
    if (isFinal(completion)) return completion;
    const { id } = completion;
    // Attaches even for a caller that has left already: leaving is what ends a completion that only it waited for.
    const leaving = new AbortController();
    const { events } = await readEvents(principal, { type: 'known', completion }, beyondAnyEvent, leaving.signal);
    const leave = () => leaving.abort();
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    try {
      for await (const _ of events);
    } finally {
      signal.removeEventListener('abort', leave);
    }
    signal.throwIfAborted();
    return findOne(principal, id);
  }

  return {
    create,
    readEvents,
    waitForEnd,
    find,
    async cancel(principal, id, signal) {
      const completion = await findOne(principal, id);
      if (isFinal(completion)) return completion;
      await jobs.cancel(id, 'cancelled');
      return waitForEnd(principal, completion, signal);
    },
    async list(principal, filter, page) {
      requireScope(principal, 'COMPLETIONS');
      requireStorable({ user: filter.user, model: filter.model });
      return completions.list({ ...filter, projectId: visibleProject(principal, filter.projectId) }, page);
    },
  };
}
