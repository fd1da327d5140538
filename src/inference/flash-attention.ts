import { type CacheType, needsFlashAttention } from './cache-type.ts';

/** `auto` is on wherever the device can do it and gains by it. */
export const flashAttentionSettings = ['auto', 'on', 'off'] as const;
export type FlashAttentionSetting = (typeof flashAttentionSettings)[number];

/**
 * llama.cpp's CPU kernel takes 64 numbers of a head at a time where the CPU has AVX-512, and what is left one by one: with heads of 32,
 * decoding was measured to be half as fast as without flash attention, and a third behind 700 tokens; with heads of 64, a third faster.
 */
const leastHeadSize = 64;

/** Whether `auto` means off on the CPU. */
export function isSlowerOnCpu(headSize: number, cacheType: CacheType): boolean {
  return headSize < leastHeadSize && !needsFlashAttention(cacheType);
}
