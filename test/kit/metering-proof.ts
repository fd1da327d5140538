import type { Client } from './client.ts';
import type { Produced } from './engine-meter.ts';
import type { Connection } from './keys.ts';
import { type RecordView, usageRecords } from './usage.ts';

/** What the engines of one server after the other produced, and when each server was killed. */
export interface Metering {
  readonly processes: { readonly produced: Produced[]; killedAt: number | undefined }[];
}

export interface MeteringSums {
  readonly completions: number;
  readonly records: number;
  /** Prompt and completion tokens. */
  readonly producedTokens: number;
  readonly billedTokens: number;
  /** Produced shortly before a kill, and not billed. */
  readonly missingTokens: number;
  /** How long before its kill the first missing token was produced, at most. */
  readonly missingMilliseconds: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Throws unless there is one record per completion, that bills what its engine produced: less only where its server was killed. */
export async function compareWithRecords({ processes }: Metering, client: Client): Promise<MeteringSums> {
  const records = await allNodes((page) => usageRecords(client, page));
  const completions = await allNodes((page) => completionsPage(client, page));
  const billed = new Map(records.map((record) => [record.completion!.id, record]));
  if (billed.size !== records.length) throw new Error(`${records.length - billed.size} completions have two records`);
  for (const { id, status } of completions) {
    if (!billed.has(id)) throw new Error(`completion ${id} (${status}) has no record`);
  }
  if (billed.size !== completions.length) throw new Error('there are records without a completion');

  let [producedTokens, billedTokens, missingTokens, missingMilliseconds] = [0, 0, 0, 0];
  const statuses: Record<string, number> = {};
  const attempts = attemptsByCompletion(processes);
  for (const id of attempts.keys()) if (!billed.has(id)) throw new Error(`tokens of ${id} have no record`);
  for (const [id, record] of billed) {
    const { status, errorCode, usage } = record;
    const ending = errorCode ?? status;
    statuses[ending] = (statuses[ending] ?? 0) + 1;
    billedTokens += usage.promptTokens + usage.completionTokens;
    const own = attempts.get(id) ?? [];
    producedTokens += own.reduce((sum, { produced }) => sum + tokensOf(produced), 0);
    const last = own.pop();
    const missing = own.flatMap((attempt) => unbilled(attempt, nothing));
    if (last && errorCode === 'INTERRUPTED') missing.push(...unbilled(last, usage));
    else requireSame(id, usage, last?.produced ?? []);
    for (const { tokens, millisecondsBefore } of missing) {
      missingTokens += tokens;
      missingMilliseconds = Math.max(missingMilliseconds, millisecondsBefore);
    }
  }
  const sums = { completions: completions.length, records: records.length, producedTokens, billedTokens };
  if (producedTokens !== billedTokens + missingTokens) throw new Error(`the sums differ: ${JSON.stringify(sums)}`);
  return { ...sums, missingTokens, missingMilliseconds, statuses };
}

interface Attempt {
  readonly produced: Produced[];
  readonly killedAt: number | undefined;
}

/** Of each completion, in order: a waiting one that its server left is run again by the next. */
function attemptsByCompletion(processes: Metering['processes']): Map<string, Attempt[]> {
  const attempts = new Map<string, Attempt[]>();
  for (const { produced, killedAt } of processes) {
    const ofProcess = new Map<string, Attempt>();
    for (const event of produced) {
      const id = Buffer.from(`Completion:${event.completionId}`).toString('base64url');
      const attempt = ofProcess.get(id) ?? { produced: [], killedAt };
      attempt.produced.push(event);
      ofProcess.set(id, attempt);
    }
    for (const [id, attempt] of ofProcess) attempts.set(id, [...(attempts.get(id) ?? []), attempt]);
  }
  return attempts;
}

type Tokens = RecordView['usage'];
const nothing = { promptTokens: 0, completionTokens: 0 };

const tokensOf = (produced: readonly Produced[]) =>
  produced.reduce((sum, { promptTokens, completionTokens }) => sum + promptTokens + completionTokens, 0);

function sumOf(produced: readonly Produced[]): Pick<Tokens, 'promptTokens' | 'completionTokens'> {
  return {
    promptTokens: produced.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
    completionTokens: produced.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
  };
}

function requireSame(id: string, usage: Tokens, produced: readonly Produced[]): void {
  const expected = sumOf(produced);
  if (usage.promptTokens === expected.promptTokens && usage.completionTokens === expected.completionTokens) return;
  throw new Error(`${id} is billed for ${JSON.stringify(usage)}; its engine produced ${JSON.stringify(expected)}`);
}

/** What of an attempt that a kill broke off is not billed: never less than nothing. */
function unbilled({ produced, killedAt }: Attempt, usage: Pick<Tokens, 'promptTokens' | 'completionTokens'>) {
  if (killedAt === undefined) throw new Error('a completion was interrupted whose server was not killed');
  const left = { ...usage };
  const missing: { tokens: number; millisecondsBefore: number }[] = [];
  for (const { promptTokens, completionTokens, at } of produced) {
    const paid = Math.min(left.promptTokens, promptTokens) + Math.min(left.completionTokens, completionTokens);
    left.promptTokens -= Math.min(left.promptTokens, promptTokens);
    left.completionTokens -= Math.min(left.completionTokens, completionTokens);
    const tokens = promptTokens + completionTokens - paid;
    if (tokens > 0) missing.push({ tokens, millisecondsBefore: killedAt - at });
  }
  if (left.promptTokens + left.completionTokens > 0) throw new Error('more is billed than was produced');
  return missing;
}

async function allNodes<Node>(read: (page: object) => Promise<Connection<Node>>): Promise<readonly Node[]> {
  const nodes: Node[] = [];
  for (let after: string | null = null; ; ) {
    const { edges, pageInfo } = await read({ first: 100, after });
    nodes.push(...edges.map(({ node }) => node));
    if (!pageInfo.hasNextPage) return nodes;
    after = pageInfo.endCursor;
  }
}

interface CompletionNode {
  readonly id: string;
  readonly status: string;
}

async function completionsPage(client: Client, page: object): Promise<Connection<CompletionNode>> {
  const document = `query ($first: Int, $after: String) {
    completions(first: $first, after: $after) { edges { cursor node { id status } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }`;
  return (await client.execute<{ completions: Connection<CompletionNode> }>(document, page)).completions;
}
