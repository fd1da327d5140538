import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Jobs } from '../../contracts/jobs.ts';
import type {
  Completion,
  CompletionChoice,
  CompletionFilter,
  CompletionStore,
} from '../../contracts/stores/completions.ts';
import type { Page, PageRequest } from '../../contracts/stores/store.ts';
import type { LogEvent } from '../../contracts/token-log.ts';
import { type Principal, requireScope, seesProject, visibleProject } from '../access/principal.ts';
import { requireStorable } from '../text.ts';
import type { CreateCompletion } from './create.ts';
import { isFinal } from './endings.ts';
import type { CompletionEvents, ReadEvents } from './events.ts';
import type { JustEnded } from './just-ended.ts';
import { createProgress } from './progress.ts';

/** Completions, as the faces see them. */
export interface Completions {
  readonly create: CreateCompletion;
  readonly readEvents: ReadEvents;
  /**
   * Reads a completion to its end as one more reader, and answers with it, its text included: what the store does not keep is taken from
   * the log, for as long as that is held. Throws the signal's reason when that aborts first: the caller has left, which may end
   * the completion (see abandonment).
   */
  waitForEnd(principal: Principal, completion: Completion, signal: AbortSignal): Promise<Completion>;
  /**
   * Stops a completion and answers with it once it is final, as waitForEnd does. Cancelling again, or one that has ended, changes nothing. Throws NOT_FOUND.
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
  readonly justEnded: Pick<JustEnded, 'get'>;
  readonly jobs: Jobs;
}

/** Only the end is of interest: a reader that waits beyond any event is handed nothing until then. */
const beyondAnyEvent = Number.MAX_SAFE_INTEGER;

export function createCompletions(options: CompletionsOptions): Completions {
  const { create, readEvents, completions, justEnded, jobs } = options;

  async function find(
    principal: Principal,
    ids: readonly CompletionId[],
  ): Promise<readonly (Completion | undefined)[]> {
    requireScope(principal, 'COMPLETIONS');
    const byId = new Map(ids.map((id) => [id, justEnded.get(id)]));
    const asked = ids.filter((id) => !byId.get(id));
    for (const stored of asked.length > 0 ? await completions.find(asked) : []) byId.set(stored.id, stored);
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
    if (isFinal(completion) && completion.choices) return completion;
    // Attaches even for a caller that has left already: leaving is what ends a completion that only it waited for.
    const leaving = new AbortController();
    const leave = () => leaving.abort();
    const read = (after: number) => readEvents(principal, { type: 'known', completion }, after, leaving.signal);
    try {
      // Attached from the beginning, so that the text is there also where the log is let go at the end; read only where it is needed.
      const text = await unlessExpired(read(0));
      const end = await read(beyondAnyEvent);
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
      for await (const _ of end.events);
      signal.throwIfAborted();
      const final = await findOne(principal, completion.id);
      return final.choices || !text ? final : { ...final, choices: await choicesOf(final, text.events) };
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  return {
    create,
    readEvents,
    waitForEnd,
    find,
    async cancel(principal, id, signal) {
      const completion = await findOne(principal, id);
      if (!isFinal(completion)) await jobs.cancel(id, 'cancelled');
      return waitForEnd(principal, completion, signal);
    },
    async list(principal, filter, page) {
      requireScope(principal, 'COMPLETIONS');
      requireStorable({ user: filter.user, model: filter.model });
      return completions.list({ ...filter, projectId: visibleProject(principal, filter.projectId) }, page);
    },
  };
}

async function unlessExpired(reading: Promise<CompletionEvents>): Promise<CompletionEvents | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'OFFSET_EXPIRED') return undefined;
    throw error;
  }
}

async function choicesOf(
  { n, promptTokens }: Completion,
  events: AsyncIterable<LogEvent>,
): Promise<readonly CompletionChoice[]> {
  const progress = createProgress(n, promptTokens, () => new Date());
  for await (const event of events) if (event.type === 'delta') progress.add(event.seq, event.choices);
  return progress.choices();
}
