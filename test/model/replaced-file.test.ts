import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelConfig, openInference, starterModel } from '../kit/models.ts';

const forever = new AbortController().signal;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-replaced-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('a file that is replaced counts when its model is loaded anew, template and facts included', async () => {
  const path = join(directory, 'model.gguf');
  await copyFile(starterModel.path, path);
  const config = modelConfig({ name: 'm', path }, { gpuLayers: 0 });
  await using inference = openInference([config]);
  const tokenize = async () => {
    const messages = [{ role: 'USER' as const, content: 'Hello' }];
    return (await inference.tokenize('m', { type: 'messages', messages })).tokens;
  };
  const sizeBytes = () => inference.models()[0]!.facts?.sizeBytes;

  const before = await tokenize();
  const sizeBefore = sizeBytes()!;
  await inference.load('m', forever);
  await replace(path, await withAnotherTemplate());
  expect(await tokenize()).toEqual(before);
  await inference.unload('m');
  await inference.load('m', forever);
  const after = await tokenize();
  expect(after).not.toEqual(before);
  expect(await tokenize()).toEqual(after);
  expect(sizeBytes()).toBe(sizeBefore + 1);
});

async function withAnotherTemplate(): Promise<Buffer> {
  const content = await readFile(starterModel.path);
  content.write('answerers', content.indexOf("'<|im_start|>assistant") + "'<|im_start|>".length);
  return Buffer.concat([content, Buffer.alloc(1)]);
}

async function replace(path: string, content: Buffer): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
