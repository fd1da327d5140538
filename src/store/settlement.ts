import { uuidv7 } from 'uuidv7';
import type { Completion, Settlement } from '../contracts/stores/completions.ts';
import { type CompletionRow, completionOf } from './completion-rows.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { camelCaseKeys, timestamp } from './rows.ts';
import { prepared } from './statements.ts';

/** One statement: the final text, the usage record, the roll-up and what goes back of the reservation. */
export async function settle(prisma: PrismaClient, settlement: Settlement): Promise<Completion> {
  const { id, epoch, status, choices, usage, error, startedAt, firstTokenAt, finishedAt, terminalSeq, textIndex } =
    settlement;
  const rows = await prisma.$queryRaw<object[]>`${Prisma.raw(prepared)} SELECT * FROM sluice_settle(
    ${id}::uuid, ${epoch}::int, ${status}::completion_status, ${JSON.stringify(choices)}::json, ${Uint8Array.from(textIndex)}::bytea,
    ${usage.promptTokens}::int, ${usage.cachedPromptTokens}::int, ${usage.completionTokens}::int,
    ${error && JSON.stringify(error)}::json, ${error?.code ?? null}, ${choices[0]?.finishReason ?? null},
    ${timestamp(startedAt)}::timestamptz, ${timestamp(firstTokenAt)}::timestamptz, ${timestamp(finishedAt)}::timestamptz,
    ${terminalSeq}::int, ${uuidv7()}::uuid)`;
  const [row] = rows;
  if (!row) throw new Error(`there is no completion ${id} to end`);
  return completionOf(camelCaseKeys<CompletionRow>(row));
}
