import type pg from 'pg';
import type { Statement } from '../../kit/statements.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** How the database carries a statement out, in a line: every step with what it reads, the last one first. */
export async function planOf(pool: pg.Pool, { text, values }: Statement): Promise<string> {
  const { rows } = await pool.query<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
    [...values],
  );
  return summaryOf(rows[0]!['QUERY PLAN'][0].Plan);
}

function summaryOf(node: PlanNode): string {
  const read = node['Index Name'] ?? node['Relation Name'];
  const rows = node['Actual Rows'] * node['Actual Loops'];
  const step = `${node['Node Type']}${read ? ` of ${read}` : ''} (${rows.toLocaleString('en')})`;
  const below = (node.Plans ?? []).map(summaryOf);
  if (below.length === 0) return step;
  return `${step} ← ${below.length === 1 ? below[0] : `[${below.join(' | ')}]`}`;
}
