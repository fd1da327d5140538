/** The measures of a model of the Llama family, embeddings tied. */
export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Of one measurement, for each stream. */
  readonly tokens: number;
}

/** A tiny one, and two of models that people serve: SmolLM-135M and Qwen2.5-0.5B. */
export const shapes: readonly Shape[] = [
  {
    name: '3M',
    layers: 5,
    width: 192,
    heads: 6,
    keyValueHeads: 6,
    feedForward: 512,
    vocabulary: 4_096,
    tokens: 384,
  },
  {
    name: '135M',
    layers: 30,
    width: 576,
    heads: 9,
    keyValueHeads: 3,
    feedForward: 1_536,
    vocabulary: 49_152,
    tokens: 64,
  },
  {
    name: '0.5B',
    layers: 24,
    width: 896,
    heads: 14,
    keyValueHeads: 2,
    feedForward: 4_864,
    vocabulary: 151_936,
    tokens: 32,
  },
];
