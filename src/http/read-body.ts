import type { IncomingMessage, ServerResponse } from 'node:http';

/** The whole body, or undefined where it is larger than allowed: as little of it as possible has then been read. */
export async function readBody(request: IncomingMessage, largestBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Left early, the request stays open: its answer is still to be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

export function refuseBody(response: ServerResponse, body: object): void {
  response.writeHead(413, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
