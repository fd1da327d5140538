import { createRequire } from 'node:module';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { expect, it } from 'vitest';

const rules = createRequire(import.meta.url)('../.dependency-cruiser.cjs');

async function violations(): Promise<{ readonly modules: number; readonly found: readonly string[] }> {
  const { output } = await cruise(['src'], {
    ruleSet: { forbidden: rules.forbidden },
    validate: true,
    ...rules.options,
  });
  const { summary } = output as ICruiseResult;
  return {
    modules: summary.totalCruised,
    found: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
  };
}

it('keeps every layer to what it may import, every package to its home, and free of cycles', async () => {
  const { modules, found } = await violations();
  expect(modules).toBeGreaterThan(50);
  expect(found).toEqual([]);
}, 60_000);
