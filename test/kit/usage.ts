import type { Client } from './client.ts';
import type { Connection } from './keys.ts';

export interface RecordView {
  readonly id: string;
  readonly status: string;
  readonly finishReason: string | null;
  readonly errorCode: string | null;
  readonly model: string;
  readonly user: string | null;
  readonly completion: { readonly id: string } | null;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number; readonly cost: string };
  readonly timings: {
    readonly queueSeconds: number | null;
    readonly timeToFirstTokenSeconds: number | null;
    readonly durationSeconds: number;
  };
}

export async function usageRecords(client: Client, page: object): Promise<Connection<RecordView>> {
  const document = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: UsageRecordFilter) {
    usageRecords(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
      edges { cursor node { id status finishReason errorCode model user completion { id }
        usage { promptTokens completionTokens cost } timings { queueSeconds timeToFirstTokenSeconds durationSeconds } } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }
  }`;
  return (await client.execute<{ usageRecords: Connection<RecordView> }>(document, page)).usageRecords;
}

export interface LimitView {
  readonly name: string;
  readonly scope: string;
  readonly limit: string;
  readonly used: string;
  readonly remaining: string;
  readonly resetsAt: string | null;
}

export async function viewerLimits(client: Client): Promise<readonly LimitView[]> {
  const document = '{ viewer { limits { name scope limit used remaining resetsAt } } }';
  return (await client.execute<{ viewer: { limits: LimitView[] } }>(document)).viewer.limits;
}
