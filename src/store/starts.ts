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
