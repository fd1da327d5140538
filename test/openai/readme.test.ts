import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from './service.ts';

const run = promisify(execFile);

interface Snippet {
  readonly title: string;
  readonly language: string;
  readonly code: string;
}

/** The fenced blocks of the README's page for OpenAI clients, each with the line that introduces it. */
function readSnippets(): Snippet[] {
  const readme = readFileSync('README.md', 'utf8');
  const section = readme.split(/^## /mu).find((text) => text.startsWith('Use it from any OpenAI client')) ?? '';
  return [...section.matchAll(/^(\S[^\n]*):\n\n```(sh|js|python)\n(.*?)^```$/gmsu)].map(
    ([, title, language, code]) => ({
      title: title!,
      language: language!,
      code: code!,
    }),
  );
}

/** Whether this machine has the version of the Python package that a snippet is for. */
async function hasPython(code: string): Promise<boolean> {
  const wanted = code.includes('from openai import OpenAI') ? '>= (1,)' : '< (1,)';
  const probe = `import openai; assert tuple(map(int, openai.__version__.split('.')[:1])) ${wanted}`;
  return run('python3', ['-c', probe]).then(
    () => true,
    () => false,
  );
}

const commands: Readonly<Record<string, readonly [string, ...string[]]>> = {
  sh: ['bash', '-c'],
  js: ['node', '--input-type=module', '-e'],
  python: ['python3', '-c'],
};

const snippets = readSnippets();

describe('the README, for OpenAI clients', () => {
  let service: Service;
  beforeAll(async () => {
    service = await openService();
  });

  it('has a snippet for every kind of client', () => {
    expect(snippets.map(({ language }) => language).sort()).toEqual(['js', 'js', 'js', 'python', 'python', 'sh']);
  });

  it.for(snippets)('works as it says: $title', async ({ language, code }, { skip }) => {
    if (language === 'python' && !(await hasPython(code))) skip('this machine has no such Python package');
    const [command, ...args] = commands[language]!;
    const here = code.replaceAll('http://127.0.0.1:4000', service.url);
    const { stdout } = await run(command, [...args, here], { env: { ...process.env, SLUICE_API_KEY: service.key } });
    expect(stdout).toMatch(/\S/u);
  });
});
