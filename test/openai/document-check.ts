import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { createFrameSplitter } from './frames.ts';

/** A fetch that finds every answer which is not what the served OpenAPI document says. */
export interface CheckedFetch {
  readonly fetch: typeof fetch;
  /** Every answer was checked to its end. */
  settled(): Promise<void>;
  /** Statuses, in the order of the answers. */
  readonly statuses: readonly number[];
}

interface OpenApiDocument {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, object> }> }>>;
}

export async function createCheckedFetch(url: string): Promise<CheckedFetch> {
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as OpenApiDocument;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'document', false, false);
  const templates = Object.keys(document.paths)
    .map((template) => ({ template, pattern: new RegExp(`^${template.replaceAll(/\{\w+\}/gu, '.+')}$`, 'u') }))
    .sort((a, b) => b.template.length - a.template.length);
  const validators = new Map<string, ValidateFunction>();
  const checks: Promise<void>[] = [];
  const statuses: number[] = [];

  function requireValid(pointer: string, value: unknown): void {
    let validate = validators.get(pointer);
    if (!validate) {
      validate = ajv.compile({ $ref: `document#${pointer}` });
      validators.set(pointer, validate);
    }
    expect(validate(value), `${JSON.stringify(validate.errors)} for ${pointer} in ${JSON.stringify(value)}`).toBe(true);
  }

  async function check(method: string, path: string, answer: Response): Promise<void> {
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/u);
    const template = templates.find(({ pattern }) => pattern.test(path))?.template;
    const responses = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()]?.responses;
    const described = Object.hasOwn(responses ?? {}, answer.status)
      ? String(answer.status)
      : `${(answer.status / 100) | 0}XX`;
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    if (!responses) {
      expect([404, 405]).toContain(answer.status);
      return requireValid('/components/schemas/ErrorResponse', await answer.json());
    }
    expect(responses[described]?.content[type], `${method} ${path} answers ${answer.status} ${type}`).toBeDefined();
    if (type === 'application/json') {
      const at = ['paths', template!, method.toLowerCase(), 'responses', described, 'content', type, 'schema'];
      return requireValid(`/${at.map((step) => step.replaceAll('/', '~1')).join('/')}`, await answer.json());
    }
    throw new Error(`${path} answers ${type}`);
  }

  /** Hands on what passes, and breaks the stream at a chunk that is not what the document says. */
  function checkChunks(path: string, answer: Response): Response {
    const chunk = path.endsWith('/chat/completions') ? 'ChatCompletionChunk' : 'CompletionResponse';
    const split = createFrameSplitter();
    const checking = new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        for (const { data } of split(part)) {
          if (data === undefined || data === '[DONE]') continue;
          const value = JSON.parse(data) as object;
          requireValid(`/components/schemas/${'error' in value ? 'ErrorResponse' : chunk}`, value);
        }
        controller.enqueue(part);
      },
    });
    return new Response(answer.body!.pipeThrough(checking), answer);
  }

  return {
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      const request = new Request(input instanceof Request ? input : String(input));
      statuses.push(answer.status);
      const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
      const path = new URL(request.url).pathname;
      if (answer.headers.get('content-type')?.startsWith('text/event-stream')) return checkChunks(path, answer);
      const checked = check(method, path, answer.clone());
      checks.push(checked);
      checked.catch(() => {});
      return answer;
    },
    settled: async () => void (await Promise.all(checks)),
    statuses,
  };
}
