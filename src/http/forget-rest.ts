import type { IncomingMessage } from 'node:http';

const mostBytes = 64 * 1024 * 1024;
const mostMilliseconds = 10_000;

/**
 * Reads and forgets what a client still sends of a request that has its answer: closing with data unread would reset the connection,
 * and a client that is busy sending would lose the answer with it. Who goes on for too long is cut off.
 */
export function forgetRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const cutOff = () => request.destroy();
  const timer = setTimeout(cutOff, mostMilliseconds);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostBytes) cutOff();
  });
}
