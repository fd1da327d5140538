export type Device =
  | { readonly type: 'none' | 'unknown' }
  /** All GPUs together: how many, their memory, and what of it is main memory as well. */
  | { readonly type: 'gpu'; readonly count: number; readonly totalBytes: number; readonly unifiedBytes: number };
