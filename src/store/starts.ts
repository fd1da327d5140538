import type { CompletionId } from '../contracts/ids.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { timestamp } from './rows.ts';
import { prepared } from './statements.ts';

export interface Start {
  readonly id: CompletionId;
  readonly epoch: number;
  readonly at: Date;
}

/** Which of them were started. Locks the rows in the order of their ids, as all statements for many completions do. */
export async function startAll(prisma: PrismaClient, starts: readonly Start[]): Promise<boolean[]> {
  const column = <Value>(of: (start: Start) => Value) => starts.map(of);
  // The first that finds it waiting has it, unless it was adopted by another meanwhile, which counted further: one that stood still would
  // go on with seqs that are before what the other showed. Its moment tells it from the others when it asks again.
  const rows = await prisma.$queryRaw<{ id: CompletionId; epoch: number; started_at: Date }[]>`${Prisma.raw(prepared)}
    WITH locked AS MATERIALIZED (
      SELECT id FROM completions WHERE id = ANY (${column(({ id }) => id)}::uuid[]) ORDER BY id FOR UPDATE
    )
    UPDATE completions c SET status = 'RUNNING', started_at = s.at, epoch = s.epoch
    FROM locked JOIN unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[], ${column(({ at }) => timestamp(at))}::timestamptz[]
    ) AS s (id, epoch, at) USING (id)
    WHERE c.id = s.id AND ((c.status = 'QUEUED' AND c.epoch <= s.epoch) OR (c.status = 'RUNNING' AND c.started_at = s.at AND c.epoch = s.epoch))
    RETURNING c.id, c.epoch, c.started_at`;
  const started = new Map(rows.map((row) => [row.id, row]));
  return starts.map(({ id, epoch, at }) => {
    const row = started.get(id);
    return row?.epoch === epoch && row.started_at.getTime() === at.getTime();
  });
}
