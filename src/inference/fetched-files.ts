import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { versionOf } from './file-version.ts';

/**
 * Remembers which file came from which source, so that a model that was fetched once needs no network again. A file that two sources
 * claim is known to neither: one may have overwritten the other's.
 */
export interface FetchedFiles {
  path(source: string): string | undefined;
  remember(source: string, path: string): void;
}

const indexName = 'fetched.json';

export function createFetchedFiles(directory: string): FetchedFiles {
  const indexPath = join(directory, indexName);

  let known: { readonly version: string; readonly paths: Record<string, string> } | undefined;

  /** Other processes may write it, too. */
  function read(): Record<string, string> {
    try {
      const version = versionOf(statSync(indexPath));
      if (known?.version !== version) known = { version, paths: JSON.parse(readFileSync(indexPath, 'utf8')) };
      return known.paths;
    } catch {
      return {};
    }
  }

  return {
    path(source) {
      const paths = read();
      const path = paths[source];
      if (path === undefined || !existsSync(path)) return undefined;
      return Object.values(paths).filter((other) => other === path).length === 1 ? path : undefined;
    },
    remember(source, path) {
      const draft = `${indexPath}.${process.pid}`;
      writeFileSync(draft, `${JSON.stringify({ ...read(), [source]: path }, null, 2)}\n`);
      renameSync(draft, indexPath);
    },
  };
}
