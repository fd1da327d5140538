import type { IncomingMessage, ServerResponse } from 'node:http';

/** The whole body, or undefined where it is larger than allowed: as little of it as possible has then been read. */
export async function readBody(request: IncomingMessage, largestBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Answers and closes: what the caller still sends is not read. */
export function refuseBody(response: ServerResponse, body: object): void {
  response.writeHead(413, { 'content-type': 'application/json; charset=utf-8', connection: 'close' });
  response.end(JSON.stringify(body));
}
