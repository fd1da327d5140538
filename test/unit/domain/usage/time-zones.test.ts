import { afterEach, expect, it, vi } from 'vitest';
import { createMemorySignals } from '../../../../src/bus/memory/signals.ts';
import type { UsageStore } from '../../../../src/contracts/stores/usage.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { createUsage } from '../../../../src/domain/usage/usage.ts';

const store = { report: async () => [] } as Partial<UsageStore> as UsageStore;
const usage = createUsage({ store, signals: createMemorySignals() });
const admin = { scopes: ['ADMIN'], projectId: 'project' } as unknown as Principal;

const report = (timeZone: string) => {
  const [from, before] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
  return usage.report(admin, { projectId: null, from, before, granularity: 'DAY', timeZone, groupBy: [] });
};

afterEach(() => void vi.restoreAllMocks());

it.each(['UTC', 'gmt', 'Japan', 'EST5EDT', 'Asia/Kolkata', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires'])(
  'reports by the clocks of %s',
  async (name) => {
    expect((await report(name)).buckets).toEqual([]);
  },
);

it.each(['+05:00', '-08', '05:00', '', ' UTC', 'CET', 'IST', 'ctt'])(
  'refuses "%s", also where JavaScript takes it',
  async (name) => {
    // As newer versions of Node do with offsets.
    vi.spyOn(Intl, 'DateTimeFormat').mockImplementation(class {} as never);
    await expect(report(name)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      facts: { issues: [{ path: ['timeZone'], message: 'use an IANA name such as Asia/Kolkata, no abbreviation' }] },
    });
  },
);
