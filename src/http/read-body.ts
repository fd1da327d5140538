import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authenticator } from '../domain/access/authenticate.ts';
import { isAuthentic } from './authenticate.ts';

const largestAnonymousBytes = 65_536;

/** How large a body is read: without a key that holds enough for any document, and too little to fill the memory with many. */
export async function largestBodyBytes(
  { headers }: IncomingMessage,
  authenticator: Authenticator,
  requestBytes: number,
): Promise<number> {
  const isCaller = await isAuthentic(authenticator, headers.authorization);
  return isCaller ? requestBytes : Math.min(requestBytes, largestAnonymousBytes);
}

/** 'too large': as little of it as possible has been read. 'gone': the client left before it had sent all, and takes no answer. */
export async function readBody(request: IncomingMessage, largestBytes: number): Promise<Buffer | 'too large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > largestBytes) return 'too large';
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Left early, the request stays open: its answer is still to be sent.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > largestBytes) return 'too large';
      chunks.push(chunk);
    }
  } catch (error) {
    if (request.destroyed) return 'gone';
    throw error;
  }
  return Buffer.concat(chunks, bytes);
}

export function refuseBody(response: ServerResponse, body: object): void {
  response.writeHead(413, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
