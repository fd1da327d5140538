import { describe, expect, it } from 'vitest';
import type { MemoryBudget } from '../../../src/inference/memory-budget.ts';
import { claimMemory } from '../../../src/inference/memory-claim.ts';
import type { ModelConfig } from '../../../src/inference/model-config.ts';
import { modelConfig } from '../../kit/models.ts';

/** Two GPUs of 80 and 40, and 100 of main memory. */
const twoGpus: MemoryBudget = {
  bytes: 220,
  capacities: new Map([
    ['GPU 0', 80],
    ['GPU 1', 40],
    ['main memory', 100],
  ]),
  limit: undefined,
  gpu: (index) => ['GPU 0', 'GPU 1'][index],
  gpus: ['GPU 0', 'GPU 1'],
  main: ['main memory'],
};

const withoutGpu: MemoryBudget = {
  ...twoGpus,
  capacities: new Map([['main memory', 100]]),
  gpu: () => undefined,
  gpus: [],
};

function claim(changes: Partial<ModelConfig>, replicaBytes: number, budget = twoGpus) {
  return claimMemory(modelConfig({ name: 'm', path: '/m' }, changes), replicaBytes, budget);
}

describe('what a model claims of memory', () => {
  it('is each replica’s bytes on the GPU that it is dealt', () => {
    expect(claim({ replicas: 2, devices: [0, 1] }, 30)).toEqual({
      bytes: 60,
      parts: [
        { places: ['GPU 0'], bytes: 30 },
        { places: ['GPU 1'], bytes: 30 },
      ],
    });
    expect(claim({ replicas: 3, devices: [0, 1] }, 30).parts).toEqual([
      { places: ['GPU 0'], bytes: 60 },
      { places: ['GPU 1'], bytes: 30 },
    ]);
  });

  it('is spread over all GPUs where any will do', () => {
    expect(claim({ replicas: 2 }, 50).parts).toEqual([{ places: ['GPU 0', 'GPU 1'], bytes: 100 }]);
  });

  it('is in main memory where it goes to no GPU, or there is none', () => {
    const inMain = { bytes: 50, parts: [{ places: ['main memory'], bytes: 50 }] };
    expect(claim({ gpuLayers: 0, devices: [1] }, 50)).toEqual(inMain);
    expect(claim({ devices: [7] }, 50)).toEqual(inMain);
    expect(claim({}, 50, withoutGpu)).toEqual(inMain);
  });

  it('is in main memory as far as the GPU of a replica is too small for it, whatever room others have', () => {
    expect(claim({ devices: [1] }, 70).parts).toEqual([
      { places: ['GPU 1'], bytes: 40 },
      { places: ['main memory'], bytes: 30 },
    ]);
    expect(claim({}, 150).parts).toEqual([
      { places: ['GPU 0', 'GPU 1'], bytes: 120 },
      { places: ['main memory'], bytes: 30 },
    ]);
  });

  it('is refused where it would not fit even alone, with what there is', () => {
    expect(() => claim({ devices: [1] }, 141)).toThrow('The model m needs 1 MiB of memory, and may take');
    expect(() => claim({ devices: [0] }, 180)).not.toThrow();
    expect(() => claim({}, 221)).toThrow(expect.objectContaining({ code: 'MODEL_UNAVAILABLE', facts: {} }));
    expect(() => claim({ gpuLayers: 0 }, 101)).toThrow('needs');
  });

  it('counts in a configured limit once more, which main memory is not looked at beside', () => {
    const limited: MemoryBudget = {
      ...twoGpus,
      capacities: new Map([
        ['GPU 1', 40],
        ['limit', 60],
      ]),
      limit: 'limit',
      gpu: (index) => (index === 1 ? 'GPU 1' : undefined),
      gpus: [],
      main: [],
    };
    expect(claim({ devices: [1] }, 50, limited).parts).toEqual([
      { places: ['GPU 1'], bytes: 40 },
      { places: ['limit'], bytes: 50 },
    ]);
    expect(claim({}, 60, limited).parts).toEqual([{ places: ['limit'], bytes: 60 }]);
    expect(() => claim({}, 61, limited)).toThrow('needs');
  });

  it('finds all memory where the GPU’s is the machine’s', () => {
    const unified: MemoryBudget = {
      ...twoGpus,
      capacities: new Map([
        ['other GPUs', 75],
        ['main memory', 5],
      ]),
      gpu: () => undefined,
      gpus: ['other GPUs'],
      main: ['other GPUs', 'main memory'],
    };
    expect(claim({ gpuLayers: 0 }, 80, unified).parts).toEqual([{ places: ['other GPUs', 'main memory'], bytes: 80 }]);
    expect(claim({}, 80, unified).bytes).toBe(80);
    expect(() => claim({}, 81, unified)).toThrow('needs');
  });
});
