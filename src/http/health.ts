import type { Handler } from './server.ts';

export interface Health {
  /** Null when the service can answer; else why not. */
  notReadyBecause(): Promise<string | null>;
}

/** `/healthz`: the process is alive. `/readyz`: store migrated and answering, a model can answer, not stopping. */
export function createHealthHandler(health: Health): Handler {
  return async (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/readyz') return false;
    const reason = path === '/readyz' ? await health.notReadyBecause() : null;
    const body = reason === null ? { status: 'ok' } : { status: 'unavailable', reason };
    response.writeHead(reason === null ? 200 : 503, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.end(`${JSON.stringify(body)}\n`);
    return true;
  };
}
