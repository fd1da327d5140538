import { fileURLToPath } from 'node:url';

/** `src` or `dist`, whichever runs. */
const own = new URL('../', import.meta.url).href;
const compiled = new URL('../../dist/', import.meta.url).href;

/**
 * The compiled file of a neighbouring module, to be run in a process or thread of its own: also where this code is run from its
 * source, as in tests, so that what is started is what ships, and starts without a loader.
 */
export function compiledFile(moduleUrl: string, name: string): string {
  const { href } = new URL(`${name}.js`, moduleUrl);
  return fileURLToPath(compiled + href.slice(own.length));
}
