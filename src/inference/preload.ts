import type { Log } from './log.ts';
import type { ModelHost } from './model-host.ts';

export interface PreloadOptions {
  /** Whether its file needs no download. */
  readonly isHere: (host: ModelHost) => boolean;
  readonly fetch: (host: ModelHost) => Promise<unknown>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Loads the models that are to be loaded with the server, side by side. They get their room one after the other, in the order given,
 * but those that have to be fetched after all others: a download may take hours. Never rejects.
 */
export async function preload(hosts: readonly ModelHost[], options: PreloadOptions): Promise<void> {
  const { isHere, fetch, log, signal } = options;
  const atStart = hosts.filter(({ config }) => config.load === 'start');
  const away = atStart.filter((host) => !isHere(host));
  for (const host of away) fetch(host).catch(fails);

  const loads: Promise<void>[] = [];
  for (const host of [...atStart.filter((host) => !away.includes(host)), ...away]) {
    if (signal.aborted) break;
    try {
      const load = await host.enterIfFree();
      if (load !== undefined) loads.push(load(signal).catch(fails));
      else log('warn', `model ${host.config.name}: no room beside the others; the first request loads it`);
    } catch (error) {
      fails(error);
    }
  }
  await Promise.all(loads);
}

/** What went wrong was logged where it did. */
function fails(_error: unknown): void {}
