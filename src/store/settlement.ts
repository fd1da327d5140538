import { uuidv7 } from 'uuidv7';
import type { Completion, Settlement } from '../contracts/stores/completions.ts';
import { type CompletionRow, completionOf } from './completion-rows.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { camelCaseKeys, timestamp } from './rows.ts';
import { prepared } from './statements.ts';

/**
 * One statement, and so one commit, for all of them: of each the final text, the usage record, the roll-up and what goes back of the
 * reservation. All rows of completions are locked before any of a quota, and both in an order that everybody keeps, so that none who
 * settles, admits or checkpoints waits for another in a circle. Undefined for an unknown id.
 */
export async function settleAll(
  prisma: PrismaClient,
  settlements: readonly Settlement[],
): Promise<(Completion | undefined)[]> {
  const column = <Value>(of: (settlement: Settlement) => Value) => settlements.map(of);
  const rows = await prisma.$queryRaw<(object & { readonly place: bigint })[]>`${Prisma.raw(prepared)}
    WITH locked AS MATERIALIZED (
      SELECT id, project_id, api_key_id FROM completions WHERE id = ANY (${column(({ id }) => id)}::uuid[]) ORDER BY id FOR UPDATE
    )
    SELECT ended.*, s.place FROM (
      SELECT r.* FROM unnest(
        ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[], ${column(({ status }) => status)}::text[],
        ${column(({ choices }) => JSON.stringify(choices))}::text[],
        ${column(({ textIndex }) => Buffer.from(textIndex).toString('base64'))}::text[],
        ${column(({ usage }) => usage.promptTokens)}::int[], ${column(({ usage }) => usage.cachedPromptTokens)}::int[],
        ${column(({ usage }) => usage.completionTokens)}::int[],
        ${column(({ error }) => error && JSON.stringify(error))}::text[], ${column(({ error }) => error?.code ?? null)}::text[],
        ${column(({ choices }) => choices[0]?.finishReason ?? null)}::text[],
        ${column(({ startedAt }) => timestamp(startedAt))}::timestamptz[],
        ${column(({ firstTokenAt }) => timestamp(firstTokenAt))}::timestamptz[],
        ${column(({ finishedAt }) => timestamp(finishedAt))}::timestamptz[],
        ${column(({ terminalSeq }) => terminalSeq)}::int[], ${column(() => uuidv7())}::uuid[]
      ) WITH ORDINALITY AS r (
        id, epoch, status, choices, text_index, prompt_tokens, cached_prompt_tokens, completion_tokens, error, error_code, finish_reason,
        started_at, first_token_at, finished_at, terminal_seq, record_id, place
      ) JOIN locked USING (id) ORDER BY locked.project_id, locked.api_key_id, r.place
    ) AS s CROSS JOIN LATERAL sluice_settle(
      s.id, s.epoch, s.status::completion_status, s.choices::json, decode(s.text_index, 'base64'), s.prompt_tokens,
      s.cached_prompt_tokens, s.completion_tokens, s.error::json, s.error_code, s.finish_reason, s.started_at, s.first_token_at,
      s.finished_at, s.terminal_seq, s.record_id
    ) AS ended`;
  const ended = settlements.map((): Completion | undefined => undefined);
  for (const { place, ...row } of rows) ended[Number(place) - 1] = completionOf(camelCaseKeys<CompletionRow>(row));
  return ended;
}
