import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = [process.env.SLUICE_TEST_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];

/** Debian's Chromium, or the one that SLUICE_TEST_CHROMIUM names; without one the tests are skipped, and say so. */
export const chromiumPath = candidates.find((path) => path && existsSync(path));

if (!chromiumPath) {
  console.warn('NO BROWSER TESTS: there is no /usr/bin/chromium (Debian: apt-get install chromium)');
}

/** Without a sandbox of its own: containers seldom allow it, and it sees only our pages. */
export async function openChromium(): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] });
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() });
}
