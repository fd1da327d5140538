import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKey, url, usageRecordsOf } from './service.ts';

/** What a browser has, as far as the snippet needs it; Node 20 has no WebSocket of its own. */
const browser = `import { WebSocket } from 'ws';
globalThis.WebSocket ??= WebSocket;
globalThis.document = { body: { append: (text) => process.stdout.write(text) } };
`;

describe("the README's section on streaming", async () => {
  const section = /^## Streaming\n(.*?)(?=^## )/msu.exec(await readFile('README.md', 'utf8'))?.[1] ?? '';
  const snippets = new Map(
    [...section.matchAll(/^```js\n\/\/ (.+?)\n(.*?)^```$/gmsu)].map(([, name, code]) => [name!, code!]),
  );
  let project: string;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'sluice-readme-'));
    await symlink(resolve('node_modules'), join(project, 'node_modules'));
  });
  afterAll(() => rm(project, { recursive: true, force: true }));

  it('has a snippet for the browser and one for Node.js', () => {
    expect([...snippets.keys()]).toEqual(['browser', 'Node.js']);
  });

  it.each([
    ['browser', browser, ''],
    ['Node.js', '', '\\n\\d+ tokens\\n'],
  ])('streams an answer with the snippet for %s, as it stands', async (name, surroundings, ending) => {
    const key = await newKey();
    const file = join(project, 'snippet.mjs');
    await writeFile(file, surroundings + pointAtService(snippets.get(name)!, key.authorization));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 50_000 });
    expect(stdout).toMatch(new RegExp(`^.*\\S.*${ending}$`, 'su'));
    expect(await usageRecordsOf(key)).toHaveLength(1);
  });
});

function pointAtService(snippet: string, authorization: string): string {
  const pointed = snippet.replace('127.0.0.1:4000', new URL(url).host).replace('Bearer slc_…', authorization);
  expect(pointed).toContain(authorization);
  expect(pointed).toContain(new URL(url).host);
  return pointed;
}
