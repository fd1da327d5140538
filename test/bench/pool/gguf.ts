/** Writes the head of a GGUF file, version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Everything is little-endian. */
export type GgufValue =
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s'; readonly value: readonly number[] };

export interface GgufTensor {
  readonly name: string;
  /** The fastest-running first. */
  readonly dimensions: readonly number[];
  readonly type: 'f32' | 'q8_0';
}

const valueTypes = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 };
const tensorTypes = { f32: 0, q8_0: 8 };
const alignment = 32;
/** Q8_0: 32 weights share one half-precision scale. */
export const q8Block = { weights: 32, bytes: 34 };

export function tensorBytes({ dimensions, type }: GgufTensor): number {
  const weights = dimensions.reduce((product, dimension) => product * dimension, 1);
  return type === 'f32' ? weights * 4 : (weights / q8Block.weights) * q8Block.bytes;
}

export const paddingAfter = (bytes: number): number => (alignment - (bytes % alignment)) % alignment;

/** All that comes before the tensors' data, which follows in the order given, each padded to the alignment. */
export function ggufHead(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Buffer {
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    uint32(3),
    uint64(tensors.length),
    uint64(Object.keys(metadata).length),
  ];
  // One by one: a vocabulary is more than a call takes arguments.
  for (const [key, value] of Object.entries(metadata)) {
    parts.push(string(key));
    for (const part of encode(value)) parts.push(part);
  }
  let offset = 0;
  for (const tensor of tensors) {
    const { name, dimensions, type } = tensor;
    parts.push(string(name), uint32(dimensions.length), ...dimensions.map(uint64), uint32(tensorTypes[type]));
    parts.push(uint64(offset));
    const bytes = tensorBytes(tensor);
    offset += bytes + paddingAfter(bytes);
  }
  const head = Buffer.concat(parts);
  return Buffer.concat([head, Buffer.alloc(paddingAfter(head.length))]);
}

function encode({ type, value }: GgufValue): Buffer[] {
  switch (type) {
    case 'strings':
      return array('string', value.map(string));
    case 'int32s':
      return array('int32', value.map(int32));
    case 'string':
      return [uint32(valueTypes.string), string(value)];
    case 'bool':
      return [uint32(valueTypes.bool), Buffer.of(Number(value))];
    case 'float32':
      return [uint32(valueTypes.float32), float32(value)];
    case 'int32':
      return [uint32(valueTypes.int32), int32(value)];
    case 'uint32':
      return [uint32(valueTypes.uint32), uint32(value)];
    default:
      return type satisfies never;
  }
}

function array(of: keyof typeof valueTypes, items: readonly Buffer[]): Buffer[] {
  return [uint32(valueTypes.array), uint32(valueTypes[of]), uint64(items.length), ...items];
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
