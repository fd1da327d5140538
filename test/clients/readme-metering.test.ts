import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { url } from './service.ts';

/** What differs from run to run: only its kind is compared. */
const varying = new Set(['used', 'remaining', 'resetsAt', 'retryAfterSeconds', 'completionTokens', 'cost']);

/** The command line, with nothing but what the page tells to set. */
const commandLine = `npx() { shift; node ${resolve('bin/sluice.mjs')} "$@"; }`;
const separator = '--- the next snippet ---';

describe("the README's section on keys, limits and usage", async () => {
  const section = /^## Keys, limits and usage\n(.*?)(?=^## )/msu.exec(await readFile('README.md', 'utf8'))?.[1] ?? '';
  const blocks = [...section.matchAll(/^```(sh|json)\n(.*?)^```$/gmsu)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }));
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-readme-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('works from top to bottom as it stands, with the answers that it shows', { timeout: 120_000 }, async () => {
    const year = new Date().getUTCFullYear();
    const snippets = blocks.filter(({ language }) => language === 'sh').map(({ code }) => code);
    expect(snippets).toHaveLength(6);
    const script = [commandLine, ...snippets.flatMap((code) => [code, `echo '${separator}'`])]
      .join('\n')
      .replaceAll('http://127.0.0.1:4000', url)
      .replaceAll('2027-', `${year + 1}-`)
      .replaceAll('2026-', `${year}-`);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        SLUICE_URL: url,
        SLUICE_API_KEY: inject('service').adminSecret,
      },
    });
    const answers = stdout.split(separator).filter((text) => text.trim());
    const shown = blocks.filter(({ language }) => language === 'json').map(({ code }) => code);
    expect(answers).toHaveLength(shown.length);
    answers.forEach((answer, i) => {
      expect(kindsOf(JSON.parse(answer))).toEqual(kindsOf(JSON.parse(shown[i]!)));
    });

    const [titles, ...rows] = (await readFile(join(folder, 'usage.csv'), 'utf8')).trimEnd().split(/\r?\n/u);
    expect(titles).toMatch(/^START,PROJECT,KEY,KEY ID,MODEL,REQUESTS/u);
    expect(rows.filter((row) => /T00:00:00\.000Z,shop,chat,\w+,starter,1,0,/u.test(row))).toHaveLength(1);
    expect((await readFile(join(folder, 'answer.txt'), 'utf8')).trim()).not.toBe('');
  });
});

function kindsOf(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (name, value) => (varying.has(name) ? typeof value : value));
}
