import type { IncomingMessage } from 'node:http';

/** Whether a browser page of that origin may connect: the server's own pages, the allow-list, and clients that are no browsers. */
export function isAllowedOrigin({ headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowedOrigins.includes('*') || allowedOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
