import type { Checkpoint, Completion, CompletionChoice, LeaseRenewal } from '../contracts/stores/completions.ts';
import { type CompletionRow, completionOf } from './completion-rows.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { camelCaseKeys, timestamp } from './rows.ts';
import { prepared } from './statements.ts';

/**
 * Stores what running completions gained, and keeps their leases. Locks the rows in the order of their ids, as all statements for many
 * completions do. Text is JSON throughout: that may hold what no other way through SQL would take (U+0000).
 */
export async function checkpointAll(
  prisma: PrismaClient,
  running: readonly Checkpoint[],
  renewal: LeaseRenewal | null,
): Promise<void> {
  const leaseUntil = timestamp(renewal?.until ?? null);
  const waiting = [...(renewal?.waiting ?? [])];
  const column = <Value>(of: (checkpoint: Checkpoint) => Value) => running.map(of);
  // A statement that was given up on may come after the one that was sent in its place: what it brings is less.
  await prisma.$executeRaw`${Prisma.raw(prepared)}
    WITH locked AS MATERIALIZED (
      SELECT id, epoch, status FROM completions
      WHERE id = ANY (${[...waiting, ...column(({ id }) => id)]}::uuid[]) ORDER BY id FOR UPDATE
    ), stored AS (
      INSERT INTO checkpoints AS c (
        completion_id, after_seq, choices, text_index, used_prompt_tokens, cached_prompt_tokens, completion_tokens, first_token_at, reserved_seq
      )
      SELECT
        id, r.after_seq, r.choices::json, decode(r.text_index, 'base64'), r.prompt_tokens, r.cached_prompt_tokens, r.completion_tokens,
        r.first_token_at, r.reserved_seq
      FROM locked JOIN unnest(
        ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[], ${column(({ afterSeq }) => afterSeq)}::int[],
        ${column(({ choices }) => JSON.stringify(choices))}::text[],
        ${column(({ textIndex }) => Buffer.from(textIndex).toString('base64'))}::text[],
        ${column(({ usage }) => usage.promptTokens)}::int[], ${column(({ usage }) => usage.cachedPromptTokens)}::int[],
        ${column(({ usage }) => usage.completionTokens)}::int[],
        ${column(({ firstTokenAt }) => timestamp(firstTokenAt))}::timestamptz[], ${column(({ reservedSeq }) => reservedSeq)}::int[]
      ) AS r (
        id, epoch, after_seq, choices, text_index, prompt_tokens, cached_prompt_tokens, completion_tokens, first_token_at, reserved_seq
      ) USING (id, epoch)
      WHERE status = 'RUNNING'
      ON CONFLICT (completion_id, after_seq) DO UPDATE SET
        choices = excluded.choices,
        text_index = excluded.text_index,
        used_prompt_tokens = excluded.used_prompt_tokens,
        cached_prompt_tokens = excluded.cached_prompt_tokens,
        completion_tokens = excluded.completion_tokens,
        first_token_at = excluded.first_token_at,
        reserved_seq = excluded.reserved_seq
      WHERE excluded.reserved_seq >= c.reserved_seq
      RETURNING completion_id
    )
    UPDATE completions c SET lease_until = ${leaseUntil}::timestamptz
    FROM locked
    WHERE c.id = locked.id AND ${leaseUntil}::timestamptz IS NOT NULL AND (
      (locked.status = 'QUEUED' AND c.id = ANY (${waiting}::uuid[])) OR c.id IN (SELECT completion_id FROM stored)
    )`;
}

/** What was stored of one completion, as SQL returns it. */
interface StoredCheckpoint {
  readonly choices: readonly CompletionChoice[];
  readonly textIndex: string;
  readonly usedPromptTokens: number;
  readonly cachedPromptTokens: number;
  readonly completionTokens: number;
  readonly firstTokenAt: string | null;
  readonly reservedSeq: number;
}

/**
 * The completions of these rows: those that run with what their checkpoints stored. These are read again, row and checkpoints in one
 * statement, for what has ended since has no checkpoints any more.
 */
export async function completionsOf(prisma: PrismaClient, rows: readonly CompletionRow[]): Promise<Completion[]> {
  const running = rows.flatMap(({ id, status }) => (status === 'RUNNING' ? [id] : []));
  if (running.length === 0) return rows.map(completionOf);
  const read = await prisma.$queryRaw<(object & { readonly checkpoints: readonly StoredCheckpoint[] | null })[]>`
    SELECT c.*, (
      SELECT json_agg(json_build_object(
        'choices', p.choices,
        'textIndex', encode(p.text_index, 'base64'),
        'usedPromptTokens', p.used_prompt_tokens,
        'cachedPromptTokens', p.cached_prompt_tokens,
        'completionTokens', p.completion_tokens,
        'firstTokenAt', p.first_token_at,
        'reservedSeq', p.reserved_seq
      ) ORDER BY p.after_seq)
      FROM checkpoints p WHERE p.completion_id = c.id AND c.status = 'RUNNING'
    ) AS checkpoints
    FROM completions c WHERE c.id = ANY (${running}::uuid[])`;
  const current = new Map<string, Completion>();
  for (const { checkpoints, ...row } of read) {
    const completion = completionOf(camelCaseKeys<CompletionRow>(row));
    current.set(completion.id, checkpoints ? withCheckpoints(completion, checkpoints) : completion);
  }
  return rows.map((row) => current.get(row.id) ?? completionOf(row));
}

function withCheckpoints(completion: Completion, checkpoints: readonly StoredCheckpoint[]): Completion {
  const { usedPromptTokens, cachedPromptTokens, completionTokens, firstTokenAt, reservedSeq } = checkpoints.at(-1)!;
  const choices = Array.from(
    { length: completion.n },
    (_, index): CompletionChoice => ({ index, text: '', finishReason: null, stopSequence: null }),
  );
  for (const { choices: gained } of checkpoints) {
    for (const gain of gained) choices[gain.index] = { ...gain, text: choices[gain.index]!.text + gain.text };
  }
  return {
    ...completion,
    choices,
    usage: { promptTokens: usedPromptTokens, cachedPromptTokens, completionTokens },
    firstTokenAt: firstTokenAt === null ? null : new Date(firstTokenAt),
    lastSeq: reservedSeq,
    textIndex: new Uint8Array(Buffer.concat(checkpoints.map(({ textIndex }) => Buffer.from(textIndex, 'base64')))),
  };
}
