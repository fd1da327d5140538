import { DomainError, type LimitName } from '../../contracts/errors.ts';
import type { LimitRefusal } from '../../contracts/stores/admission.ts';

const perMinute: readonly LimitName[] = ['requestsPerMinute', 'tokensPerMinute', 'concurrentCompletions'];

/** The error that a refused admission becomes: rates come back by themselves within a minute, quotas do not. */
export function limitError(refusal: LimitRefusal): DomainError {
  const { name, scope, limit, used, requested, resetsAt, retryAfterSeconds, neverFits } = refusal;
  const whose = scope === 'API_KEY' ? "This API key's" : "This project's";
  const advice = neverFits
    ? 'The request alone is larger than the limit: lower maxTokens or n, or shorten the prompt.'
    : `Try again in ${retryAfterSeconds} s.`;
  return new DomainError(
    perMinute.includes(name) ? 'RATE_LIMITED' : 'QUOTA_EXCEEDED',
    `${whose} limit ${name} of ${limit} has ${used} taken, and this request needs ${requested}. ${advice}`,
    {
      retryAfterSeconds,
      limitName: name,
      limitScope: scope,
      limit,
      used,
      ...(resetsAt ? { resetsAt } : {}),
      ...(neverFits ? { neverFits } : {}),
    },
  );
}
