import { type GgmlType, GgufInsights, type Llama, readGgufFileInfo } from 'node-llama-cpp';

/** How a context is going to be opened. */
export interface ContextPlan {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batchSize: number;
  readonly flashAttention: boolean | 'auto';
  readonly kvCacheKeyType: GgmlType;
  readonly kvCacheValueType: GgmlType;
}

/**
 * How many of a model's layers find room on the GPU, by the library's estimates. Its own choice counts one sequence with the cache of all,
 * for which a step needs less: it takes layers that the context then has no room beside.
 */
export async function layersThatFit(llama: Llama, modelPath: string, context: ContextPlan): Promise<number> {
  const { total, free } = await llama.getVramState();
  if (total === 0) return 0;
  const insights = await GgufInsights.from(await readGgufFileInfo(modelPath, { logWarnings: false }), llama);
  const room = free - llama.vramPaddingSize;

  async function hasRoom(layers: number): Promise<boolean> {
    const weights = await insights.estimateModelResourceRequirementsV2({ gpuLayers: layers });
    if (weights.gpuVram > room) return false;
    const rest = await insights.estimateContextResourceRequirementsV2({ ...context, modelGpuLayers: layers });
    return weights.gpuVram + rest.gpuVram <= room;
  }

  let fitting = 0;
  let tooMany = insights.totalLayers + 1;
  // All of them first: that is how it mostly is.
  for (let layers = insights.totalLayers; layers > fitting; layers = Math.floor((fitting + tooMany) / 2)) {
    if (await hasRoom(layers)) fitting = layers;
    else tooMany = layers;
  }
  return fitting;
}
