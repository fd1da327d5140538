import { getRequestListener } from '@hono/node-server';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { OpenAiFaceOptions } from '../openai/context.ts';
import { createOpenAiFace } from '../openai/face.ts';
import { authenticateHeader } from './authenticate.ts';
import { largestBodyBytes, readBody } from './read-body.ts';
import type { Handler } from './server.ts';

export interface OpenAiHandlerOptions extends Omit<OpenAiFaceOptions, 'authenticate'> {
  readonly authenticator: Authenticator;
}

/** The OpenAI API, at `/v1`. */
export function createOpenAiHandler({ authenticator, ...options }: OpenAiHandlerOptions): Handler {
  const face = createOpenAiFace({
    ...options,
    authenticate: (authorization) => authenticateHeader(authenticator, authorization),
  });
  const tooLarge = new WeakSet<object>();
  const answer = getRequestListener(
    (request, { incoming, outgoing }) =>
      face.fetch(request, { bodyTooLarge: tooLarge.has(incoming), cutOff: () => outgoing.destroy() }),
    // What is left of a body is the server's to deal with.
    { overrideGlobalObjects: false, hostname: 'localhost', autoCleanupIncoming: false },
  );

  return async (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path !== '/v1' && !path.startsWith('/v1/')) return false;
    if (request.method === 'POST') {
      const largestBytes = await largestBodyBytes(request, authenticator, options.requestBytes);
      const body = await readBody(request, largestBytes);
      if (body === 'gone') return true;
      // Read here so that its size is bounded; the listener takes it from there.
      if (body === 'too large') tooLarge.add(request);
      else Object.assign(request, { rawBody: body });
    }
    await answer(request, response);
    return true;
  };
}
