export type Device =
  | { readonly type: 'none' | 'unknown' }
  /** Of all GPUs together: their memory, and what of it is main memory as well. */
  | { readonly type: 'gpu'; readonly totalBytes: number; readonly unifiedBytes: number };
