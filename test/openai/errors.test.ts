import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import { viewerLimits } from '../kit/usage.ts';
import { type CheckedFetch, createCheckedFetch } from './document-check.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

const body = { model: 'scripted', prompt: 'a b', max_tokens: 2 };
const messages = [{ role: 'user', content: 'hi' }];

describe('refusals', () => {
  let engine: ScriptedInference;
  let app: TestApp;
  let secret: string;
  let checked: CheckedFetch;

  beforeAll(async () => {
    engine = createScriptedInference([
      { name: 'scripted', aliases: ['org/model'] },
      { name: 'bare', hasChatTemplate: false },
    ]);
    app = await startApp({
      inference: engine,
      config: { limits: { requestBytes: 4_096 } },
      environment: { SLUICE_ALLOWED_ORIGINS: 'https://app.example.com' },
    });
    checked = await createCheckedFetch(app.url);
    secret = (await app.newClient()).secret;
  });
  afterEach(() => checked.settled());
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function send(path: string, content: unknown, key = secret, idempotencyKey?: string): Promise<Answer> {
    const answer = await checked.fetch(`${app.url}/v1${path}`, {
      method: content === undefined ? 'GET' : 'POST',
      headers: {
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
        'content-type': 'application/json',
      },
      ...(content === undefined ? {} : { body: typeof content === 'string' ? content : JSON.stringify(content) }),
    });
    const { error } = (await answer.json()) as { error: Answer['error'] };
    return { status: answer.status, headers: answer.headers, error };
  }

  it.each([
    ['no key', '/models', undefined, '', 401, 'invalid_api_key', null],
    ['a malformed key', '/models', undefined, 'sk-123', 401, 'invalid_api_key', null],
    ['an unknown model', '/completions', { ...body, model: 'gpt-9' }, undefined, 404, 'model_not_found', 'model'],
    ['an unknown model that is asked for', '/models/gpt-9', undefined, undefined, 404, 'model_not_found', 'model'],
    [
      'too long a prompt',
      '/completions',
      { ...body, max_tokens: 5_000 },
      undefined,
      400,
      'context_length_exceeded',
      null,
    ],
    ['a value out of range', '/completions', { ...body, top_p: 2 }, undefined, 400, 'invalid_value', 'top_p'],
    ['too many choices', '/completions', { ...body, n: 99 }, undefined, 400, 'invalid_value', 'n'],
    ['a missing prompt', '/completions', { model: 'scripted' }, undefined, 400, 'missing_required_parameter', 'prompt'],
    ['a missing model', '/completions', { prompt: 'a' }, undefined, 400, 'missing_required_parameter', 'model'],
    ['an unknown argument', '/completions', { ...body, top_q: 1 }, undefined, 400, 'unknown_parameter', 'top_q'],
    ['a wrong type', '/completions', { ...body, temperature: 'hot' }, undefined, 400, 'invalid_type', 'temperature'],
    ['broken JSON', '/completions', '{"prompt": ', undefined, 400, 'invalid_json', null],
    ['no object', '/completions', '[1]', undefined, 400, 'invalid_type', null],
    [
      'a large body',
      '/completions',
      { ...body, prompt: 'a '.repeat(5_000) },
      undefined,
      413,
      'payload_too_large',
      null,
    ],
    [
      'chat without a template',
      '/chat/completions',
      { model: 'bare', messages },
      undefined,
      400,
      'invalid_value',
      'messages',
    ],
    [
      'a tool message',
      '/chat/completions',
      { model: 'scripted', messages: [{ role: 'tool', content: 'x' }] },
      undefined,
      400,
      'invalid_value',
      'messages[0].role',
    ],
    [
      'a picture',
      '/chat/completions',
      { model: 'scripted', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      undefined,
      400,
      'invalid_type',
      'messages[0].content',
    ],
    [
      'stream options without a stream',
      '/completions',
      { ...body, stream_options: {} },
      undefined,
      400,
      'invalid_value',
      'stream_options',
    ],
    [
      'too long an idempotency key',
      '/completions',
      body,
      undefined,
      400,
      'invalid_value',
      'Idempotency-Key',
      'k'.repeat(256),
    ],
    ['an endpoint that is not here yet', '/embeddings', { input: 'x' }, undefined, 404, 'unsupported_endpoint', null],
    ['a path that nobody knows', '/complete', {}, undefined, 404, 'unknown_url', null],
  ])('answer %s', async (_name, path, content, key, status, code, param, idempotencyKey?: string) => {
    const answer = await send(path, content, key, idempotencyKey);
    expect({ status: answer.status, code: answer.error.code, param: answer.error.param }).toEqual({
      status,
      code,
      param,
    });
  });

  it.each([
    ['GET', '/completions', 'POST'],
    ['GET', '/chat/completions', 'POST'],
    ['PUT', '/chat/completions', 'POST'],
    ['GET', '/engines/scripted/completions', 'POST'],
    ['POST', '/models', 'GET, HEAD'],
    ['DELETE', '/models/org/model', 'GET, HEAD'],
    ['POST', '/engines', 'GET, HEAD'],
    ['PATCH', '/engines/scripted', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('say that %s is not for %s, and what is', async (method, path, allow) => {
    const answer = await checked.fetch(`${app.url}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}` },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    expect(await answer.json()).toMatchObject({
      error: { type: 'invalid_request_error', code: 'method_not_supported', message: expect.stringContaining(method) },
    });
  });

  it('answer HEAD as GET, without a body', async () => {
    const headers = { authorization: `Bearer ${secret}` };
    const answer = await fetch(`${app.url}/v1/models`, { method: 'HEAD', headers });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it.each([
    ['/completions', { logprobs: 1 }],
    ['/completions', { echo: true }],
    ['/completions', { suffix: 'x' }],
    ['/completions', { best_of: 2 }],
    ['/chat/completions', { logprobs: true }],
    ['/chat/completions', { tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['/chat/completions', { response_format: { type: 'json_object' } }],
    ['/chat/completions', { modalities: ['audio'] }],
    ['/chat/completions', { reasoning_effort: 'high' }],
  ])('name what %s cannot do yet: %o', async (path, changes) => {
    const [name] = Object.keys(changes);
    const answer = await send(path, {
      ...(path === '/completions' ? body : { model: 'scripted', messages }),
      ...changes,
    });
    expect(answer.status).toBe(400);
    expect(answer.error).toMatchObject({
      code: 'unsupported_parameter',
      param: name,
      message: expect.stringContaining(name!),
    });
  });

  it('accept values of these that change nothing, and null for everything', async () => {
    const neutral = {
      logprobs: false,
      tools: [],
      tool_choice: 'none',
      response_format: { type: 'text' },
      modalities: ['text'],
    };
    const nulls = {
      max_tokens: null,
      temperature: null,
      stop: null,
      seed: null,
      user: null,
      metadata: null,
      top_logprobs: null,
    };
    const harmless = {
      store: true,
      service_tier: 'auto',
      parallel_tool_calls: true,
      prompt_cache_key: 'x',
      stream: false,
    };
    const answer = await send('/chat/completions', { model: 'scripted', messages, ...neutral, ...nulls, ...harmless });
    expect(answer.status).toBe(200);
    const echoed = { role: 'assistant', content: 'x', refusal: null, annotations: [], tool_calls: null, audio: null };
    expect((await send('/chat/completions', { model: 'scripted', messages: [...messages, echoed] })).status).toBe(200);
  });

  it('say 403 for a scope that the key lacks', async () => {
    const reader = await app.newClient({ scopes: ['USAGE_READ'] });
    expect(await send('/completions', body, reader.secret)).toMatchObject({
      status: 403,
      error: { code: 'insufficient_permissions' },
    });
    expect(await send('/models', undefined, reader.secret)).toMatchObject({ status: 403 });
  });

  it('say 503 and when to come back while the model is not available', async () => {
    engine.breakModel('scripted', 'it is broken');
    try {
      const { status, headers, error } = await send('/completions', body);
      expect([status, error.type, error.code]).toEqual([503, 'server_error', 'model_unavailable']);
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('retry-after-ms')).toBe('1000');
      expect(headers.get('x-should-retry')).toBeNull();
    } finally {
      engine.breakModel('scripted');
    }
  });

  it('tell rates that agree with what is then decided', async () => {
    const client = await app.newClient({ limits: { requestsPerMinute: 3, tokensPerMinute: 1_000 } });
    const remaining: (string | null)[] = [];
    for (let request = 0; request < 3; request++) {
      const { status, headers } = await send('/completions', body, client.secret);
      expect(status).toBe(200);
      expect(headers.get('x-ratelimit-limit-requests')).toBe('3');
      expect(headers.get('x-ratelimit-limit-tokens')).toBe('1000');
      expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^[\dhms.]+$/u);
      remaining.push(headers.get('x-ratelimit-remaining-requests'));
    }
    expect(remaining).toEqual(['2', '1', '0']);

    const { status, headers, error } = await send('/completions', body, client.secret);
    expect([status, error.type, error.code]).toEqual([429, 'rate_limit_error', 'rate_limit_exceeded']);
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(20);
    expect(headers.get('x-should-retry')).toBeNull();
    const [limit] = (await viewerLimits(client)).filter(({ name }) => /^requests/iu.test(name));
    expect(limit).toMatchObject({ limit: '3', remaining: '0' });
  });

  it('say that a retry cannot help when a quota is used up, or the request alone is too large', async () => {
    const day = await app.newClient({ limits: { tokensPerDay: 5 } });
    expect((await send('/completions', body, day.secret)).status).toBe(200);
    const quota = await send('/completions', body, day.secret);
    expect([quota.status, quota.error.type, quota.error.code]).toEqual([
      429,
      'insufficient_quota',
      'insufficient_quota',
    ]);
    expect(quota.headers.get('x-should-retry')).toBe('false');

    const minute = await app.newClient({ limits: { tokensPerMinute: 3 } });
    const large = await send('/completions', body, minute.secret);
    expect([large.status, large.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(large.headers.get('x-should-retry')).toBe('false');
    expect(large.headers.get('retry-after')).toBeNull();
    expect(large.error.message).toContain('max_tokens');
  });

  it('let allowed browser origins call, and no others', async () => {
    const preflight = (origin: string) =>
      fetch(`${app.url}/v1/completions`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type,x-stainless-os',
        },
      });
    const allowed = await preflight('https://app.example.com');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('x-stainless-os');
    expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('find models whose names have slashes', async () => {
    for (const id of ['org/model', 'org%2Fmodel']) {
      const answer = await checked.fetch(`${app.url}/v1/models/${id}`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      expect(await answer.json()).toMatchObject({ id: 'org/model', root: 'scripted' });
    }
    expect((await send('/engines/org%2Fmodel/completions', { prompt: 'a' })).status).toBe(200);
  });
});
