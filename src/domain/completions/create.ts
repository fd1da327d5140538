import { uuidv7 } from 'uuidv7';
import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Inference, InferenceJob, ModelDescription } from '../../contracts/inference.ts';
import type { Jobs, PlaceOutcome } from '../../contracts/jobs.ts';
import type { Admission, AdmissionOutcome } from '../../contracts/stores/admission.ts';
import type { Completion, CompletionRequest } from '../../contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../contracts/stores/store.ts';
import { type Principal, requireScope } from '../access/principal.ts';
import type { Models } from '../models/models.ts';
import { limitError } from '../quotas/refusal.ts';
import { chooseMaxTokens } from './context-room.ts';
import type { Creations } from './creations.ts';
import { type CheckedCompletionInput, createCompletionInputCheck, hashInput, type InputLimits } from './input.ts';
import type { Launch } from './launch.ts';
import { overloaded } from './overloaded.ts';
import { requestOf } from './stored-request.ts';

/** A created completion, or the one that the idempotency key stands for. */
export interface Creation {
  readonly completion: Completion;
  readonly created: boolean;
}

export type CreateCompletion = (principal: Principal, input: unknown, signal?: AbortSignal) => Promise<Creation>;

export interface CreateOptions {
  readonly inference: Inference;
  readonly jobs: Jobs;
  readonly store: Store;
  readonly models: Models;
  readonly launch: Launch;
  readonly creations: Pick<Creations, 'run'>;
  readonly limits: InputLimits & { readonly leaseSeconds: number };
  /** Whether this process takes new work (not while it stops). */
  readonly accepting: () => boolean;
  readonly now?: () => Date;
}

/**
 * check ─▶ tokenise ─▶ place in the line ─▶ admission (one transaction) ─▶ launch
 *
 * A refusal at any step leaves nothing behind. It is for new work alone: a request that was made before is answered as it was then,
 * whatever would refuse it now. Admission tells the two apart; where it is not reached, the store is asked.
 */
export function createCompletionCreator(options: CreateOptions): CreateCompletion {
  const { inference, jobs, store, models, launch, creations, limits, accepting, now = () => new Date() } = options;
  const check = createCompletionInputCheck(limits);

  return async (principal, raw, signal) => {
    requireScope(principal, 'COMPLETIONS');
    const input = check(raw);
    const model = models.resolve(principal, input.model);
    const inputHash = hashInput(input, model.name);
    return creations.run(principal.apiKeyId, input.idempotencyKey, async () => {
      try {
        return await create(principal, input, inputHash, model, signal);
      } catch (error) {
        const known = isRefusal(error) && (await findRepeated(principal, input, inputHash));
        if (known) return { completion: known, created: false };
        throw error;
      }
    });
  };

  async function create(
    principal: Principal,
    input: CheckedCompletionInput,
    inputHash: Uint8Array,
    model: ModelDescription,
    signal: AbortSignal | undefined,
  ): Promise<Creation> {
    if (!accepting()) throw overloaded('This server is stopping.', 1);
    const { tokens } = await inference.tokenize(model.name, input.prompt, signal);
    const maxTokens = chooseMaxTokens(model, tokens.length, input.maxTokens);
    signal?.throwIfAborted();
    const reservation = await jobs.reserve({
      model: model.name,
      apiKeyId: principal.apiKeyId,
      promptTokens: tokens.length,
    });
    if (!reservation.accepted) throw queueFull(reservation);
    using place = reservation.place;

    const at = now();
    const request = requestOf(input);
    const outcome = await admit({
      id: uuidv7() as CompletionId,
      projectId: principal.projectId,
      apiKeyId: principal.apiKeyId,
      model: model.name,
      mode: input.mode,
      user: input.user,
      metadata: input.metadata,
      idempotencyKey: input.idempotencyKey,
      inputHash,
      request,
      promptTokens: tokens.length,
      maxTokens,
      maxTokensLowerable: input.maxTokens === undefined,
      price: model.price,
      keepContent: input.store,
      at,
      leaseUntil: new Date(at.getTime() + limits.leaseSeconds * 1_000),
    });
    if (outcome.type === 'existing') return { completion: outcome.completion, created: false };
    const { completion } = outcome;
    await launch({ completion, request, promptTokens: tokens, place });
    return { completion, created: true };
  }

  async function findRepeated(
    principal: Principal,
    { idempotencyKey }: CheckedCompletionInput,
    inputHash: Uint8Array,
  ): Promise<Completion | undefined> {
    if (idempotencyKey === null) return undefined;
    const known = await unlessAway(() => store.completions.findByIdempotencyKey(principal.apiKeyId, idempotencyKey));
    if (known && !Buffer.from(known.inputHash).equals(inputHash)) throw idempotencyConflict();
    return known;
  }

  /** An answer that was lost on the way may be of an admission that was stored: sent again it finds itself, and is not made twice. */
  async function admitOnce(admission: Admission): Promise<AdmissionOutcome> {
    try {
      return await store.completions.admit(admission);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError && error.answerLost)) throw error;
      return store.completions.admit(admission);
    }
  }

  async function admit(admission: Admission): Promise<Extract<AdmissionOutcome, { type: 'admitted' | 'existing' }>> {
    const outcome = await unlessAway(() => admitOnce(admission));
    switch (outcome.type) {
      case 'admitted':
      case 'existing':
        return outcome;
      case 'conflict':
        throw idempotencyConflict();
      case 'key-inactive':
        throw new DomainError('UNAUTHENTICATED', 'The API key was revoked or has expired.');
      case 'limited':
        throw limitError(outcome.refusal);
      default:
        return outcome satisfies never;
    }
  }
}

/** Not where the database is away: it is not asked a second time. */
function isRefusal(error: unknown): boolean {
  return error instanceof DomainError && !(error.cause instanceof StoreUnavailableError);
}

/** Without the database nothing is admitted: failing closed is what keeps the quotas exact. */
async function unlessAway<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw overloaded('The database does not answer.', 5, error);
    throw error;
  }
}

/** What the engine is asked for. */
export function inferenceJobOf(
  { id, model, projectId, maxTokens }: Completion,
  { n, stop, sampling }: CompletionRequest,
  promptTokens: readonly number[],
): InferenceJob {
  return { completionId: id, model, cacheScope: projectId, promptTokens, n, maxTokens, stop, sampling };
}

function queueFull({ reason, retryAfterSeconds }: Extract<PlaceOutcome, { accepted: false }>): DomainError {
  const full = {
    requests: 'Too many requests are waiting for this model.',
    'prompt-tokens': 'Too many prompt tokens are waiting for this model.',
    wait: 'The wait for this model is too long.',
  } satisfies Record<typeof reason, string>;
  return overloaded(full[reason], retryAfterSeconds);
}

function idempotencyConflict(): DomainError {
  return new DomainError(
    'IDEMPOTENCY_CONFLICT',
    'This idempotencyKey was used for another request. Use a new key for new work, and the same input for a retry.',
  );
}
