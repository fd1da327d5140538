import { describe, expect, it } from 'vitest';
import { threadsPerEngine, usableCores } from '../../../src/inference/usable-cores.ts';

const files = (content: Record<string, string>) => (path: string) => content[path];

describe('usable cores', () => {
  it('are all cores where no quota is set', () => {
    expect(usableCores(8, files({}))).toBe(8);
    expect(usableCores(8, files({ '/sys/fs/cgroup/cpu.max': 'max 100000\n' }))).toBe(8);
    expect(usableCores(8, files({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n' }))).toBe(8);
  });

  it('are what a container may use, and one at least', () => {
    expect(usableCores(64, files({ '/sys/fs/cgroup/cpu.max': '250000 100000\n' }))).toBe(2);
    expect(usableCores(64, files({ '/sys/fs/cgroup/cpu.max': '50000 100000\n' }))).toBe(1);
    const version1 = {
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '400000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(usableCores(64, files(version1))).toBe(4);
  });

  it('leave one to everything else, and are shared by the engines', () => {
    expect(threadsPerEngine(2, 1)).toBe(1);
    expect(threadsPerEngine(8, 1)).toBe(7);
    expect(threadsPerEngine(8, 2)).toBe(3);
    expect(threadsPerEngine(4, 16)).toBe(1);
  });
});
