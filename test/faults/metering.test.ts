import { describe, expect, it } from 'vitest';
import { temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../kit/database.ts';
import { describeOnEveryDatabase } from '../kit/every-store.ts';
import { type MeteringReport, runMetering } from '../kit/metering-run.ts';
import { starterModel } from '../kit/models.ts';
import { startTcpProxyOf } from '../kit/tcp-proxy.ts';

// The long form: npm run soak -- metering.
const leaseSeconds = 10;
const config = {
  limits: { leaseSeconds },
  streams: { graceSeconds: 0.2, firstReaderSeconds: 0.5 },
  models: [{ name: 'starter', source: `file:${starterModel.path}`, contextSize: 512, sequences: 8, threads: 1 }],
};
const short = { config, leaseSeconds, concurrency: 12, seed: Date.now() % 2 ** 32 };
const timeout = 240_000;

/** The run itself throws where a token is billed wrongly: this says that it had something to prove. */
function expectMixed({ statuses, completions, billedTokens }: MeteringReport): void {
  expect(Object.keys(statuses).length).toBeGreaterThanOrEqual(2);
  expect(completions).toBeGreaterThan(0);
  expect(billedTokens).toBeGreaterThan(completions);
}

describeOnEveryDatabase('under mixed endings and killed servers', (open) => {
  it('what is billed is what engines produced, once, and nothing stays reserved', { timeout }, async () => {
    await using database = await open();
    await using directory = await temporaryDataDirectory();
    const where = { dataDirectory: directory.path, databaseUrl: database.url };
    const report = await runMetering({ ...short, ...where, engine: 'paced', runs: 60, kills: 2 });
    expectMixed(report);
    expect(report.statuses.INTERRUPTED).toBeGreaterThan(0);
  });
});

describe('under mixed endings, with llama.cpp', () => {
  it('what is billed is what engines produced, once, also of engines that are killed', { timeout }, async () => {
    await using directory = await temporaryDataDirectory();
    const where = { dataDirectory: directory.path };
    expectMixed(await runMetering({ ...short, ...where, engine: 'llama', runs: 36, kills: 1 }));
  });
});

describe.skipIf(await whyNoPostgres())('with the database away under load', () => {
  it('admission fails closed, and what ran is billed once it is back: nothing lost, nothing doubled', {
    timeout,
  }, async () => {
    await using database = await temporaryDatabase();
    await using directory = await temporaryDataDirectory();
    await using away = await startTcpProxyOf(database.url);
    const where = { dataDirectory: directory.path, databaseUrl: away.url };
    const outage = { proxy: away, seconds: 3 };
    const report = await runMetering({ ...short, ...where, engine: 'paced', runs: 40, kills: 0, outage });
    expectMixed(report);
    expect(report.refusedWhileAway).toBeGreaterThan(0);
    expect(report.missingTokens).toBe(0);
  });
});
