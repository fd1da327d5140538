import type { ApiKeyId, CompletionId } from '../../contracts/ids.ts';
import type {
  Claim,
  DroppedJob,
  Job,
  JobPosition,
  Jobs,
  LineDepth,
  Place,
  PlaceOutcome,
  PlaceRequest,
  StopReason,
} from '../../contracts/jobs.ts';
import { createAlarm } from '../../lib/alarm.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { Heap } from '../../lib/heap.ts';
import { LinkedList } from '../../lib/linked-list.ts';
import { createSharedQueue } from '../../lib/shared-queue.ts';
import { estimateWaitSeconds, type LineLoad, type QueueLimits, refusalOf } from './bounds.ts';
import { FairLine, type Waiting } from './fair-line.ts';
import { createHoldings, type Holdings } from './holdings.ts';
import { createServiceTime, type ServiceTime } from './service-time.ts';

export interface MemoryJobsOptions {
  readonly clock?: Clock;
  readonly limits: QueueLimits;
  /** How many jobs of the model run at once; waits are estimated with it. */
  readonly slots: (model: string) => number;
  /** Whether it is in memory: nobody knows how long it takes to load. */
  readonly ready: (model: string) => boolean;
}

/** The waiting line of one process. Everything applies at the call; promises are there for adapters that must ask somebody. */
export function createMemoryJobs({ clock = systemClock, limits, slots, ready }: MemoryJobsOptions): Jobs {
  const lines = new Map<string, ModelLine>();
  const entries = new Map<CompletionId, Entry>();
  const deadlines = new Heap<Entry>((a, b) => a.deadline < b.deadline);
  const alarm = createAlarm(clock, endOverdue);
  const dropped = createSharedQueue<DroppedJob>();
  let arrivals = 0;
  let disposed = false;

  function assertOpen(): void {
    if (disposed) throw new Error(closedMessage);
  }

  function lineOf(model: string): ModelLine {
    let line = lines.get(model);
    if (!line) {
      line = createLine(model);
      lines.set(model, line);
    }
    return line;
  }

  function loadOf({ model, holdings, claimants, claimed, serviceTime }: ModelLine): LineLoad {
    return {
      held: holdings.total,
      idle: claimants.size,
      claimed,
      slots: slots(model),
      ready: ready(model),
      serviceTime,
    };
  }

  function reserve({ model, apiKeyId, promptTokens }: PlaceRequest): PlaceOutcome {
    assertOpen();
    endOverdue();
    const line = lineOf(model);
    const { holdings } = line;
    const asking = {
      promptTokens,
      own: holdings.of(apiKeyId),
      keys: holdings.keysWith(apiKeyId),
      placesBefore: holdings.placesBefore(apiKeyId),
    };
    const refusal = refusalOf(loadOf(line), asking, limits);
    if (refusal) return refusal;
    holdings.take(apiKeyId, promptTokens);
    return { accepted: true, place: createPlace(line, apiKeyId, promptTokens) };
  }

  function createPlace(line: ModelLine, key: ApiKeyId, promptTokens: number): Place {
    let held = true;
    return {
      async enqueue(job) {
        assertOpen();
        if (!held) throw new Error('the place was given back or taken already');
        if (job.apiKeyId !== key) throw new Error("the place is another key's");
        if (entries.has(job.completionId)) throw new Error(`completion ${job.completionId} has a job already`);
        held = false;
        return enqueue(line, job, promptTokens);
      },
      [Symbol.dispose]() {
        if (held) line.holdings.leave(key, promptTokens);
        held = false;
      },
    };
  }

  function enqueue(line: ModelLine, job: Job, promptTokens: number): JobPosition {
    arrivals += 1;
    const entry: Entry = {
      job,
      line,
      promptTokens,
      enqueuedAt: clock().getTime(),
      key: job.apiKeyId,
      priority: job.priority,
      tokens: reservedTokens(job),
      arrival: arrivals,
      deadline: job.deadline.getTime(),
      claim: undefined,
    };
    entries.set(job.completionId, entry);
    line.waiting.push(entry);
    deadlines.push(entry);
    endOverdue();
    assign(line);
    const waits = entries.get(job.completionId) === entry && !entry.claim;
    if (waits) return positionAt(line.waiting.positionOf(entry), entry, loadOf(line));
    const estimatedWaitSeconds = ready(job.inference.model) ? 0 : null;
    return { completionId: job.completionId, position: 0, estimatedWaitSeconds };
  }

  function positionAt(position: number, { job }: Entry, load: LineLoad): JobPosition {
    return { completionId: job.completionId, position, estimatedWaitSeconds: estimateWaitSeconds(load, position) };
  }

  function claim(model: string, signal: AbortSignal): Promise<Claim> {
    assertOpen();
    signal.throwIfAborted();
    endOverdue();
    const line = lineOf(model);
    return new Promise((resolve, reject) => {
      const place = line.claimants.push({
        // From here on the job is the claimant's: an abort that comes later finds nobody waiting and loses nothing.
        take(claimed) {
          signal.removeEventListener('abort', leave);
          resolve(claimed);
        },
        refuse(error) {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
      });
      function leave(): void {
        line.claimants.remove(place);
        reject(signal.reason);
      }
      signal.addEventListener('abort', leave, { once: true });
      assign(line);
    });
  }

  function assign(line: ModelLine): void {
    while (line.claimants.size > 0) {
      const entry = line.waiting.shift();
      if (!entry) return;
      line.holdings.leave(entry.key, entry.promptTokens);
      line.claimants.shift()?.take(createClaim(entry));
    }
  }

  function createClaim(entry: Entry): Claim {
    const { job, line } = entry;
    const abort = new AbortController();
    let beganAt: number | undefined;
    entry.claim = abort;
    line.claimed += job.inference.n;
    return {
      job,
      epoch: job.epoch + 1,
      signal: abort.signal,
      began() {
        beganAt ??= clock().getTime();
      },
      async done(usedTokens = entry.tokens) {
        if (entries.get(job.completionId) !== entry) return;
        entries.delete(job.completionId);
        deadlines.remove(entry);
        setAlarm();
        line.claimed -= job.inference.n;
        line.waiting.refund(entry, Math.max(entry.tokens - usedTokens, 0));
        if (beganAt !== undefined) line.serviceTime.measure((clock().getTime() - beganAt) / 1_000);
      },
    };
  }

  function endOverdue(): void {
    const now = clock().getTime();
    for (let entry = deadlines.first; entry && entry.deadline <= now; entry = deadlines.first) stop(entry, 'timeout');
    setAlarm();
  }

  function setAlarm(): void {
    alarm.set(deadlines.first?.deadline);
  }

  function stop(entry: Entry, reason: StopReason): void {
    const { claim, job, line } = entry;
    deadlines.remove(entry);
    if (claim) {
      claim.abort(reason);
    } else {
      line.waiting.remove(entry);
      line.holdings.leave(entry.key, entry.promptTokens);
      entries.delete(job.completionId);
      dropped.push({ job, reason });
    }
  }

  return {
    reserve: async (request) => reserve(request),
    claim: async (model, signal) => claim(model, signal),
    async cancel(id, reason) {
      const entry = entries.get(id);
      if (entry) stop(entry, reason);
      setAlarm();
    },
    dropped: dropped.consume,
    async depths() {
      endOverdue();
      return [...lines.values()].filter(({ waiting }) => waiting.size > 0).map(depthOf);
    },
    async positions() {
      endOverdue();
      return [...lines.values()].flatMap((line) => {
        const load = loadOf(line);
        return [...line.waiting.inStartOrder()].map((entry, position) => positionAt(position, entry, load));
      });
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      dropped.close();
      const stopped = [...entries.values()];
      const leftBehind = [...lines.values()];
      entries.clear();
      lines.clear();
      while (deadlines.shift());
      setAlarm();
      for (const { claimants } of leftBehind) {
        while (claimants.first) claimants.shift()?.refuse(new Error(closedMessage));
      }
      for (const { claim } of stopped) claim?.abort('shutdown' satisfies StopReason);
    },
  };
}

function depthOf({ model, waiting }: ModelLine): LineDepth {
  let oldest = Number.POSITIVE_INFINITY;
  for (const { enqueuedAt } of waiting) oldest = Math.min(oldest, enqueuedAt);
  return { model, waiting: waiting.size, oldestSince: new Date(oldest) };
}

/** What the job may take: its prompt, and every choice to its end. */
function reservedTokens({ inference }: Job): number {
  return inference.promptTokens.length + inference.n * inference.maxTokens;
}

const closedMessage = 'the waiting line is closed';

interface Claimant {
  take(claim: Claim): void;
  refuse(error: Error): void;
}

interface ModelLine {
  readonly model: string;
  readonly waiting: FairLine<Entry>;
  readonly claimants: LinkedList<Claimant>;
  readonly serviceTime: ServiceTime;
  readonly holdings: Holdings;
  /** Slots that its claimed jobs take: one for each choice, as far as there are slots. */
  claimed: number;
}

function createLine(model: string): ModelLine {
  return {
    model,
    waiting: new FairLine(),
    claimants: new LinkedList(),
    serviceTime: createServiceTime(),
    holdings: createHoldings(),
    claimed: 0,
  };
}

interface Entry extends Waiting {
  readonly job: Job;
  readonly line: ModelLine;
  readonly promptTokens: number;
  readonly enqueuedAt: number;
  readonly deadline: number;
  /** Aborts the claim; undefined while the job waits. */
  claim: AbortController | undefined;
}
