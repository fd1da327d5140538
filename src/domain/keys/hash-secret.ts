import { createHmac } from 'node:crypto';

/** What is stored of a key: nobody without the server's secret can tell or test a key from it. */
export function hashSecret(serverSecret: string, secret: string): Uint8Array {
  return createHmac('sha256', serverSecret).update(secret).digest();
}
