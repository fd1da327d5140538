import type { CompletionId } from '../contracts/ids.ts';
import type { Checkpoint, LeaseRenewal } from '../contracts/stores/completions.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { timestamp } from './rows.ts';
import { prepared } from './statements.ts';

// Statements for many completions at once lock their rows in the order of their ids, as settlement does. The columns travel as arrays.

export interface Start {
  readonly id: CompletionId;
  readonly epoch: number;
  readonly at: Date;
}

/** Which of them were started. */
export async function startAll(prisma: PrismaClient, starts: readonly Start[]): Promise<boolean[]> {
  const column = <Value>(of: (start: Start) => Value) => starts.map(of);
  // The status alone decides: of several that would run a waiting completion, one finds it waiting. The epoch is then that
  // one's, also where an earlier adoption had counted further. Its moment tells it from the others when it asks again.
  const rows = await prisma.$queryRaw<{ id: CompletionId; epoch: number; started_at: Date }[]>`${Prisma.raw(prepared)}
    WITH locked AS MATERIALIZED (
      SELECT id FROM completions WHERE id = ANY (${column(({ id }) => id)}::uuid[]) ORDER BY id FOR UPDATE
    )
    UPDATE completions c SET status = 'RUNNING', started_at = s.at, epoch = s.epoch
    FROM locked JOIN unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[], ${column(({ at }) => timestamp(at))}::timestamptz[]
    ) AS s (id, epoch, at) USING (id)
    WHERE c.id = s.id AND (c.status = 'QUEUED' OR (c.status = 'RUNNING' AND c.started_at = s.at AND c.epoch = s.epoch))
    RETURNING c.id, c.epoch, c.started_at`;
  const started = new Map(rows.map((row) => [row.id, row]));
  return starts.map(({ id, epoch, at }) => {
    const row = started.get(id);
    return row?.epoch === epoch && row.started_at.getTime() === at.getTime();
  });
}

/** Text is JSON throughout: that may hold what no other way through SQL would take (U+0000). */
export async function checkpointAll(
  prisma: PrismaClient,
  running: readonly Checkpoint[],
  renewal: LeaseRenewal | null,
): Promise<void> {
  const leaseUntil = timestamp(renewal?.until ?? null);
  const waiting = [...(renewal?.waiting ?? [])];
  const column = <Value>(of: (checkpoint: Checkpoint) => Value) => running.map(of);
  await prisma.$executeRaw`${Prisma.raw(prepared)}
    WITH locked AS MATERIALIZED (
      SELECT id FROM completions WHERE id = ANY (${[...waiting, ...column(({ id }) => id)]}::uuid[]) ORDER BY id FOR UPDATE
    ), renewed AS (
      UPDATE completions c SET lease_until = ${leaseUntil}::timestamptz
      FROM locked WHERE c.id = locked.id AND c.id = ANY (${waiting}::uuid[]) AND c.status = 'QUEUED'
    )
    UPDATE completions c SET
      choices = r.choices::json,
      used_prompt_tokens = r.prompt_tokens,
      cached_prompt_tokens = r.cached_prompt_tokens,
      completion_tokens = r.completion_tokens,
      first_token_at = coalesce(c.first_token_at, r.first_token_at),
      last_seq = greatest(c.last_seq, r.reserved_seq),
      text_index = decode(r.text_index, 'base64'),
      lease_until = coalesce(${leaseUntil}::timestamptz, c.lease_until)
    FROM locked JOIN unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[],
      ${column(({ choices }) => JSON.stringify(choices))}::text[],
      ${column(({ usage }) => usage.promptTokens)}::int[], ${column(({ usage }) => usage.cachedPromptTokens)}::int[],
      ${column(({ usage }) => usage.completionTokens)}::int[],
      ${column(({ firstTokenAt }) => timestamp(firstTokenAt))}::timestamptz[],
      ${column(({ reservedSeq }) => reservedSeq)}::int[],
      ${column(({ textIndex }) => Buffer.from(textIndex).toString('base64'))}::text[]
    ) AS r (id, epoch, choices, prompt_tokens, cached_prompt_tokens, completion_tokens, first_token_at, reserved_seq, text_index)
      USING (id)
    WHERE c.id = r.id AND c.epoch = r.epoch AND c.status = 'RUNNING'`;
}
