import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { startSluice } from '../api/cli/sluice-process.ts';
import { createClient } from '../kit/client.ts';
import { temporaryDatabase, temporaryDirectory, whyNoPostgres } from '../kit/database.ts';
import { waitFor } from '../kit/wait-for.ts';

const source = `file:${resolve('models/starter.gguf')}`;
const secretPattern = /slc_\w+/u;

interface KeysView {
  readonly apiKeys: { readonly edges: readonly { readonly node: { readonly name: string } }[] };
}

test.skipIf(await whyNoPostgres())(
  'nodes that start together on an empty database all serve, and one of them makes the only admin key',
  async () => {
    await using database = await temporaryDatabase();
    await using directory = await temporaryDirectory();
    const config = join(directory.path, 'sluice.config.json');
    await writeFile(config, JSON.stringify({ models: [{ name: 'starter', source, load: 'demand' }] }));
    const nodes = [1, 2, 3].map((node) =>
      startSluice(['serve'], {
        SLUICE_PORT: '0',
        SLUICE_DATA_DIR: join(directory.path, String(node)),
        SLUICE_CONFIG: config,
        SLUICE_SECRET: 'the same on every node',
        DATABASE_URL: database.url,
      }),
    );
    try {
      const urls = await Promise.all(
        nodes.map((node) =>
          waitFor(
            'a node to serve',
            () => {
              if (node.child.exitCode !== null) throw new Error(`a node did not start:\n${node.stderr()}`);
              return /Sluice answers at (\S+)\/graphql/u.exec(node.stderr() + node.stdout())?.[1];
            },
            90_000,
          ),
        ),
      );
      const secrets = nodes.flatMap((node) => secretPattern.exec(node.stdout() + node.stderr())?.[0] ?? []);
      expect(secrets).toHaveLength(1);
      for (const url of urls) {
        const { apiKeys } = await createClient(url, secrets[0]!).execute<KeysView>(
          '{ apiKeys(first: 10) { edges { node { name } } } }',
        );
        expect(apiKeys.edges.map(({ node }) => node.name).sort()).toEqual(['admin', 'operator']);
      }
    } finally {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    }
  },
);
