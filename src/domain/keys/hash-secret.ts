import { createHmac } from 'node:crypto';
import type { ServerSecrets } from '../../contracts/server-secrets.ts';

/** Under which a key's secret can be stored: by the server's current secret and, during its rotation, by the previous one. */
export type SecretHashes = readonly [current: Uint8Array, ...previous: Uint8Array[]];

/** What is stored of a key: nobody without the server's secret can tell or test a key from it. */
export function hashSecret(serverSecret: string, secret: string): Uint8Array {
  return createHmac('sha256', serverSecret).update(secret).digest();
}

export function hashesOf(secret: string, { current, previous }: ServerSecrets): SecretHashes {
  const hash = hashSecret(current, secret);
  return previous === undefined ? [hash] : [hash, hashSecret(previous, secret)];
}
