import type { Context } from 'hono';
import type { Logger } from '../contracts/logger.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { PrincipalWatch } from '../domain/access/principal-watch.ts';
import type { Completions } from '../domain/completions/completions.ts';
import type { Models } from '../domain/models/models.ts';
import type { Usage } from '../domain/usage/usage.ts';

/** What the face calls: the domain, and nothing else of the service. */
export interface OpenAiServices {
  readonly completions: Pick<Completions, 'create' | 'readEvents' | 'find'>;
  readonly models: Pick<Models, 'list' | 'resolve'>;
  readonly usage: Pick<Usage, 'limits'>;
}

export interface OpenAiFaceOptions {
  readonly services: OpenAiServices;
  /** The principal of an `authorization` header; null where there is none. Throws UNAUTHENTICATED. */
  readonly authenticate: (authorization: string | undefined) => Promise<Principal | null>;
  readonly principalWatch: PrincipalWatch;
  /** Browser origins that may call; '*' is any. */
  readonly allowedOrigins: readonly string[];
  /** Largest body, for the message to who sends a larger one. */
  readonly requestBytes: number;
  readonly pingSeconds: number;
  readonly stallSeconds: number;
  readonly logger: Logger;
}

export interface OpenAiEnvironment {
  Bindings: {
    /** The body was larger than allowed, and was not read. */
    readonly bodyTooLarge: boolean;
    /** Closes the connection without waiting for the client. */
    cutOff(): void;
  };
  Variables: { requestId: string; principal: Principal };
}

export type OpenAiContext = Context<OpenAiEnvironment>;
