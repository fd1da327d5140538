import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../src/inference/model-config.ts';
import { createModelSources, type ModelSources } from '../../src/inference/model-source.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { waitFor } from '../kit/wait-for.ts';

const [model] = modelsAtHand();

describe.skipIf(model === undefined)('model sources', () => {
  const requested: string[] = [];
  let directory: string;
  let content: Buffer;
  let otherContent: Buffer;
  let server: Server;
  let base: string;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-sources-'));
    content = await readFile(model!.path);
    otherContent = Buffer.from(content).reverse();
    server = createServer(async (request, response) => {
      requested.push(`${request.method} ${request.url}`);
      if (request.url?.startsWith('/held/')) await held;
      if (request.url?.startsWith('/stuck/')) return;
      if (!request.url?.split('?')[0]?.endsWith('tiny.gguf')) {
        response.writeHead(404).end();
        return;
      }
      const served = request.url.startsWith('/other/') ? otherContent : content;
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
      const start = Number(range?.[1] ?? 0);
      const end = range?.[2] ? Number(range[2]) + 1 : served.length;
      response.writeHead(range ? 206 : 200, {
        'accept-ranges': 'bytes',
        'content-length': end - start,
        'content-type': 'application/octet-stream',
        ...(range && { 'content-range': `bytes ${start}-${end - 1}/${served.length}` }),
      });
      response.end(request.method === 'HEAD' ? undefined : served.subarray(start, end));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const signal = AbortSignal.timeout(60_000);
  const open = (name: string, log: string[] = []) =>
    createModelSources({
      baseDirectory: directory,
      modelsDirectory: join(directory, name),
      huggingFaceEndpoint: base.replace('127.0.0.1', 'localhost').concat('/'),
      log: (_level, message) => log.push(message),
    });

  const pathOf = async (sources: ModelSources, config: ModelConfig) => (await sources.file(config, signal)).path;

  it('downloads a model, says how far it is, and checks its SHA-256', async () => {
    const log: string[] = [];
    const path = await pathOf(
      open('http', log),
      modelConfig(model!, { source: `${base}/some/tiny.gguf`, sha256: sumOf(content) }),
    );
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(log[0]).toContain(`fetching ${base}/some/tiny.gguf`);
    expect(log.at(-1)).toContain(path);
  });

  it('needs no network for what it fetched before', async () => {
    const config = modelConfig(model!, { source: `${base}/some/tiny.gguf` });
    const first = await pathOf(open('again'), config);
    const before = requested.length;
    expect(await pathOf(open('again'), config)).toBe(first);
    expect(requested.length).toBe(before);
    await rm(first);
    expect(await pathOf(open('again'), config)).toBe(first);
  });

  it('keeps files of one name and one size apart by their source', async () => {
    const sources = open('same-name');
    const config = (path: string) => modelConfig(model!, { source: `${base}/${path}/tiny.gguf` });
    const paths = await Promise.all([pathOf(sources, config('some')), pathOf(sources, config('other'))]);
    const [some, other] = await Promise.all(paths.map((path) => readFile(path)));
    expect([some!.equals(content), other!.equals(otherContent)]).toEqual([true, true]);
    expect(await pathOf(open('same-name'), config('some'))).toBe(paths[0]);
  });

  it('warns once of a URL without a SHA-256', async () => {
    const log: string[] = [];
    const sources = open('unchecked', log);
    const config = modelConfig(model!, { source: `${base}/some/tiny.gguf` });
    await pathOf(sources, config);
    await pathOf(sources, config);
    await pathOf(sources, modelConfig(model!, { source: `${base}/other/tiny.gguf`, sha256: sumOf(otherContent) }));
    expect(log.filter((line) => line.includes('sha256'))).toEqual([expect.stringContaining(`${base}/some/tiny.gguf`)]);
  });

  it('fetches a file anew that was deleted because it was the wrong one', async () => {
    const sources = open('deleted');
    const wrong = modelConfig(model!, { source: `${base}/some/tiny.gguf`, sha256: 'f'.repeat(64) });
    await expect(pathOf(sources, wrong)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    const [lying] = await readdir(join(directory, 'deleted'), { recursive: true }).then((paths) =>
      paths.filter((path) => path.endsWith('tiny.gguf')),
    );
    await rm(join(directory, 'deleted', lying!));
    expect((await readFile(await pathOf(sources, { ...wrong, sha256: sumOf(content) }))).equals(content)).toBe(true);
  });

  it('refuses a download with another SHA-256', async () => {
    const config = modelConfig(model!, { source: `${base}/some/tiny.gguf`, sha256: 'f'.repeat(64) });
    await expect(pathOf(open('sum'), config)).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringMatching(/^The model starter cannot be read: [^/]*tiny\.gguf has the SHA-256 /u),
    });
  });

  it('downloads from Hugging Face by user, repository and file', async () => {
    const config = modelConfig(model!, { source: 'hf:someone/something/tiny.gguf' });
    const path = await pathOf(open('hf'), config);
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(requested.some((line) => line.includes('/someone/something/resolve/main/tiny.gguf'))).toBe(true);
  });

  it('says what is wrong with a source that is not there', async () => {
    for (const source of [`${base}/missing.gguf`, 'http://127.0.0.1:9/tiny.gguf', 'file:nowhere.gguf']) {
      const failure = pathOf(open('missing'), modelConfig(model!, { source }));
      await expect(failure).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    }
  });

  it('lets a caller leave who waits for a download, which goes on for others', async () => {
    const config = modelConfig(model!, { source: `${base}/held/tiny.gguf` });
    await using inference = openInference([config], { modelsDirectory: join(directory, 'held') });
    const tokenize = (signal?: AbortSignal) =>
      inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' }, signal);
    const leaving = new AbortController();
    const left = tokenize(leaving.signal);
    const staying = tokenize();
    await waitFor('the download', () => requested.some((line) => line.includes('/held/')));
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(inference.models()[0]!.status).toBe('UNLOADED');
    release();
    expect((await staying).tokens).not.toEqual([]);
  });

  it('keeps no model whose file is here waiting for the download of another', async () => {
    const far = modelConfig(model!, { name: 'far', source: `${base}/stuck/tiny.gguf` });
    await using inference = openInference([far, modelConfig(model!)], { modelsDirectory: join(directory, 'stuck') });
    void inference.preload();
    await waitFor('the download', () => requested.some((line) => line.includes('/stuck/')));
    await waitFor('the other to be loaded', () => inference.models()[1]!.status === 'LOADED', 100_000);
    expect(inference.models()[0]!.status).toBe('UNLOADED');
  });

  it('serves a model that was downloaded by its first request', async () => {
    const config = modelConfig(model!, { source: `${base}/first/tiny.gguf` });
    await using inference = openInference([config], { modelsDirectory: join(directory, 'served') });
    const { tokens } = await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    expect((await generate(inference, job(config.name, tokens))).usage.completionTokens).toBe(12);
  });
});

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
