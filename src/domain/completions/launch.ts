import type { Place } from '../../contracts/jobs.ts';
import type { Completion, CompletionRequest } from '../../contracts/stores/completions.ts';
import type { TokenLog } from '../../contracts/token-log.ts';
import type { Abandonment } from './abandonment.ts';
import type { Checkpoints } from './checkpoints.ts';
import { inferenceJobOf } from './create.ts';
import type { QueueReports } from './queue-reports.ts';
import { seqBefore } from './seqs.ts';

/** Puts an admitted completion on its way: log, lease, line, and the watch for readers that leave. */
export type Launch = (launch: {
  readonly completion: Completion;
  readonly request: CompletionRequest;
  readonly promptTokens: readonly number[];
  readonly place: Place;
}) => Promise<void>;

export interface LaunchOptions {
  readonly log: TokenLog;
  readonly checkpoints: Checkpoints;
  readonly abandonment: Abandonment;
  readonly queueReports: Pick<QueueReports, 'reportFirst'>;
}

export function createLaunch({ log, checkpoints, abandonment, queueReports }: LaunchOptions): Launch {
  return async ({ completion, request, promptTokens, place }) => {
    const { id, projectId, apiKeyId, createdAt, epoch } = completion;
    await log.create(id, seqBefore(completion));
    checkpoints.addWaiting(id);
    abandonment.watch(completion);
    const position = await place.enqueue({
      completionId: id,
      projectId,
      apiKeyId,
      epoch,
      priority: request.priority,
      deadline: new Date(createdAt.getTime() + request.timeoutSeconds * 1_000),
      inference: inferenceJobOf(completion, request, promptTokens),
    });
    await queueReports.reportFirst(position);
  };
}
