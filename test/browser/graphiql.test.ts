import { describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { startApp } from '../kit/app.ts';
import { chromiumPath, openChromium } from './chromium.ts';

describe.skipIf(!chromiumPath)('GraphiQL', () => {
  it('loads from the service alone and runs the example query with the key in its headers tab', async () => {
    await using app = await startApp({
      inference: createScriptedInference([{ name: 'scripted', aliases: ['default'] }]),
    });
    await using browser = await openChromium();
    const page = await browser.newPage();
    const requested: string[] = [];
    const problems: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    page.on('pageerror', (error) => problems.push(String(error)));

    await page.goto(`${app.url}/graphql`);
    await page.getByRole('button', { name: 'Headers' }).click();
    const headers = page.getByRole('region', { name: 'Headers' }).getByRole('textbox');
    await headers.fill(JSON.stringify({ Authorization: `Bearer ${app.adminSecret}` }));
    await page.getByRole('button', { name: /Execute query/u }).click();
    await page.getByRole('menuitem', { name: 'Models' }).click();

    const result = page.getByRole('region', { name: 'Result Window' });
    await expect.poll(() => result.textContent(), { timeout: 20_000 }).toContain('"scripted"');
    expect(await result.textContent()).not.toContain('errors');

    const origins = new Set(requested.filter((url) => /^https?:/u.test(url)).map((url) => new URL(url).origin));
    expect([...origins]).toEqual([new URL(app.url).origin]);
    expect(problems).toEqual([]);
  });
});
