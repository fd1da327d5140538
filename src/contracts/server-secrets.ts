/**
 * What key hashes depend on. During a rotation the previous secret is known, too: keys that are stored under it go on, and are moved to
 * the current one as they are used.
 */
export interface ServerSecrets {
  readonly current: string;
  readonly previous: string | undefined;
}

/** Of a secret, in characters. */
export const shortestSecret = 16;
