/**
 * Types of the numbers in a KV cache, of keys and values alike: the GPU kernels that the prebuilt engines carry want both the same.
 * f16 is as good as exact; q8_0 takes half of it and is hardly worse; those below show in the answers.
 */
export const cacheTypes = ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;
export type CacheType = (typeof cacheTypes)[number];

/** Blocks of 32 numbers share their scale, which counts here. */
export const bitsPerNumber: Readonly<Record<CacheType, number>> = {
  f32: 32,
  f16: 16,
  bf16: 16,
  q8_0: 8.5,
  q5_1: 6,
  q5_0: 5.5,
  q4_1: 5,
  q4_0: 4.5,
  iq4_nl: 4.5,
};

/** Quantised values can only be read by flash attention. */
export function needsFlashAttention(type: CacheType): boolean {
  return bitsPerNumber[type] < 16;
}
