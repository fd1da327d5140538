import type { LimitName } from '../contracts/errors.ts';
import type { ApiKeyId } from '../contracts/ids.ts';
import type { LimitState } from '../contracts/stores/admission.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { Usage } from '../domain/usage/usage.ts';

/** What `x-ratelimit-*` headers say. */
export interface RateLimits {
  /** As the limits stand now, this request included. Of several limits of a kind the one that leaves the least is told. */
  headers(principal: Principal): Promise<Readonly<Record<string, string>>>;
}

/** OpenAI's two kinds, and which of our limits decide each. */
const kinds = {
  requests: ['requestsPerMinute'],
  tokens: ['tokensPerMinute', 'tokensPerDay', 'tokensPerMonth'],
} as const satisfies Record<string, readonly LimitName[]>;

/** How long a key without any such limit is not asked for again. */
const unlimitedMilliseconds = 5_000;
const rememberedKeys = 10_000;

export function createRateLimits(usage: Pick<Usage, 'limits'>, now: () => number = Date.now): RateLimits {
  const unlimitedUntil = new Map<ApiKeyId, number>();

  return {
    async headers(principal) {
      const { apiKeyId } = principal;
      if ((unlimitedUntil.get(apiKeyId) ?? 0) > now()) return {};
      unlimitedUntil.delete(apiKeyId);
      const states = await usage.limits(principal);
      const headers = rateLimitHeaders(states, now());
      if (Object.keys(headers).length === 0) {
        if (unlimitedUntil.size >= rememberedKeys) unlimitedUntil.clear();
        unlimitedUntil.set(apiKeyId, now() + unlimitedMilliseconds);
      }
      return headers;
    },
  };
}

export function rateLimitHeaders(states: readonly LimitState[], now: number): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [kind, names] of Object.entries(kinds)) {
    const tightest = states
      .filter(({ name }) => (names as readonly LimitName[]).includes(name))
      .reduce<LimitState | undefined>(
        (least, state) => (least && left(least) <= left(state) ? least : state),
        undefined,
      );
    if (!tightest) continue;
    headers[`x-ratelimit-limit-${kind}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${kind}`] = String(left(tightest));
    headers[`x-ratelimit-reset-${kind}`] = formatDuration(Math.max(0, (tightest.resetsAt?.getTime() ?? now) - now));
  }
  return headers;
}

function left({ limit, used }: LimitState): bigint {
  return limit > used ? limit - used : 0n;
}

/** As OpenAI writes them: `120ms`, `1.5s`, `6m0s`, `2h3m4s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)}ms`;
  if (milliseconds < 60_000) return `${Math.ceil(milliseconds / 10) / 100}s`;
  const seconds = Math.ceil(milliseconds / 1_000);
  const hours = Math.floor(seconds / 3_600);
  const minutes = `${Math.floor((seconds % 3_600) / 60)}m${seconds % 60}s`;
  return hours > 0 ? `${hours}h${minutes}` : minutes;
}
