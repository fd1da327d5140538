import { z } from 'zod';
import { scopes } from '../../contracts/stores/api-keys.ts';
import { invalidInput } from '../parse-input.ts';
import { limitsSchema } from '../quotas/limits-input.ts';
import { storableText } from '../text.ts';

const name = storableText.trim().min(1, 'must not be empty').max(100);
const keyScopes = z
  .array(z.enum(scopes))
  .min(1, 'name at least one scope')
  .transform((given) => [...new Set(given)]);
const models = z.array(z.string().min(1)).max(100);

export const createKeySchema = z.strictObject({
  name,
  projectId: z.uuid().nullish(),
  scopes: keyScopes,
  models: models.nullish(),
  expiresAt: z.date().nullish(),
  limits: limitsSchema.nullish(),
});

/** What is left out stays; null stands for all models, no end, no limits. */
export const updateKeySchema = z.strictObject({
  name: name.optional(),
  scopes: keyScopes.optional(),
  models: models.nullable().optional(),
  expiresAt: z.date().nullable().optional(),
  limits: limitsSchema.nullable().optional(),
});

const longestGraceSeconds = 30 * 86_400;

export const rotateKeySchema = z.strictObject({
  graceSeconds: z
    .int()
    .min(0)
    .max(longestGraceSeconds, 'is at most 30 days')
    .nullish()
    .transform((seconds) => seconds ?? 86_400),
});

export function requireFuture(expiresAt: Date | null | undefined, at: Date): void {
  if (expiresAt && expiresAt <= at) {
    throw invalidInput([{ path: ['expiresAt'], code: 'in_past', message: 'must lie in the future' }]);
  }
}
