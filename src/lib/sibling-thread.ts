import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type SiblingEntry, siblingEntry } from './sibling-entry.ts';

/**
 * As `siblingEntry`, for a worker thread: Node 20 ignores `--import tsx` there, so that a thread run from source has to register tsx
 * itself before its first module.
 */
export function siblingThread(moduleUrl: string, name: string): SiblingEntry {
  const entry = siblingEntry(moduleUrl, name);
  if (entry.execArgv.length === 0) return entry;
  const required = createRequire(import.meta.url).resolve('tsx/esm/api');
  const tsx = pathToFileURL(required.replace(/\.cjs$/, '.mjs')).href;
  const register = `import { register } from '${tsx}'; register();`;
  return { file: entry.file, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(register)}`] };
}
