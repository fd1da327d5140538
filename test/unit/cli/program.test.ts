import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import * as documents from '../../../src/cli/documents.ts';
import { runCommand } from '../../../src/cli/program.ts';
import { configFileSchema } from '../../../src/config.ts';
import { createFakeTerminal } from './fake-terminal.ts';

async function help(...argv: string[]): Promise<string> {
  const terminal = createFakeTerminal();
  expect(await runCommand([...argv, '--help'], terminal)).toBe(0);
  return terminal.output();
}

test('--help names every command, and where commands go', async () => {
  const text = await help();
  for (const command of ['serve', 'keys', 'models', 'complete', 'migrate', 'config']) expect(text).toContain(command);
  expect(text).toContain('else to SLUICE_URL');
});

test('every environment variable of the server is a flag of the same name', async () => {
  const text = await help('serve');
  const [loadConfig] = /export function loadConfig[\s\S]*?\n\}/u.exec(readFileSync('src/config.ts', 'utf8')) ?? [''];
  const variables = [...loadConfig.matchAll(/read\('(\w+)'\)/gu)].map(([, name]) => name!);
  expect(variables.length).toBeGreaterThan(8);
  for (const variable of variables) {
    const flag = `--${variable
      .replace(/^SLUICE_/u, '')
      .toLowerCase()
      .replaceAll('_', '-')} `;
    expect(text).toContain(flag);
    expect(text).toContain(variable);
  }
});

test('every document is one that the public schema answers', () => {
  const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
  for (const document of Object.values(documents)) expect(validate(schema, parse(document))).toEqual([]);
});

test('the JSON Schema of the config file knows what the server reads', async () => {
  const terminal = createFakeTerminal();
  expect(await runCommand(['config', 'schema'], terminal)).toBe(0);
  expect(Object.keys(JSON.parse(terminal.output()).properties)).toEqual(Object.keys(configFileSchema.shape));
});

test('a wrong configuration is one line that names the variable', async () => {
  const terminal = createFakeTerminal({ environment: { SLUICE_PORT: 'many' } });
  expect(await runCommand(['serve'], terminal)).toBe(1);
  expect(terminal.notes()).toBe('error: SLUICE_PORT: "many" is not a port (0 to 65535)\n');
});

test('a flag goes before the variable', async () => {
  const terminal = createFakeTerminal({ environment: { SLUICE_PORT: '4000' } });
  expect(await runCommand(['serve', '--port', 'few'], terminal)).toBe(1);
  expect(terminal.notes()).toContain('"few" is not a port');
});

test.each([[['nonsense']], [['keys', 'nonsense']]])('%j is an error on stderr', async (argv) => {
  const terminal = createFakeTerminal();
  expect(await runCommand(argv, terminal)).toBe(1);
  expect(terminal.notes()).toMatch(/^error: unknown command 'nonsense'/u);
  expect(terminal.output()).toBe('');
});
