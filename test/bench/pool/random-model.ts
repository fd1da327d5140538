import { createCipheriv } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readGgufFileInfo } from 'node-llama-cpp';
import { type GgufTensor, type GgufValue, ggufHead, paddingAfter, q8Block, tensorBytes } from './gguf.ts';
import type { Shape } from './shapes.ts';

const contextLength = 2_048;
const starter = resolve('models/starter.gguf');

/**
 * A model of the shape with random weights (the same on every machine), Q8_0: what it says means nothing, what it costs is real.
 * Its vocabulary is the starter's, filled up with made-up words. It never ends by itself, and says whole characters only: the
 * embeddings of all other tokens are zero, so that none of them is ever the likeliest.
 */
export async function randomModel(shape: Shape, folder: string): Promise<string> {
  const file = join(folder, `random-${shape.name}.gguf`);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  const unfinished = `${file}.part`;
  {
    await using output = await open(unfinished, 'w');
    await writeModel(shape, output);
  }
  await rename(unfinished, file);
  return file;
}

async function writeModel(shape: Shape, output: FileHandle): Promise<void> {
  const vocabulary = await vocabularyOf(shape);
  const tensors = tensorsOf(shape);
  await output.write(ggufHead(metadataOf(shape, vocabulary), tensors));
  const random = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  for (const tensor of tensors) {
    const { name, type } = tensor;
    const bytes = type === 'f32' ? ones(tensor) : randomQ8(tensor, random.update(Buffer.alloc(tensorBytes(tensor))));
    if (name === 'token_embd.weight') silence(bytes, shape.width, vocabulary.silent);
    await output.write(Buffer.concat([bytes, Buffer.alloc(paddingAfter(bytes.length))]));
  }
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly merges: readonly string[];
  readonly special: { readonly bos: number; readonly eos: number };
  readonly template: string;
  readonly silent: readonly number[];
}

const normalToken = 1;

async function vocabularyOf({ vocabulary }: Shape): Promise<Vocabulary> {
  const { metadata } = await readGgufFileInfo(starter, { logWarnings: false });
  const { tokens, token_type: types, merges, bos_token_id: bos, eos_token_id: eos } = metadata.tokenizer.ggml;
  const made = Array.from({ length: vocabulary - tokens.length }, (_, i) => `Ġword${i}`);
  return {
    tokens: [...tokens, ...made],
    types: [...types!, ...made.map(() => normalToken)],
    merges: merges!,
    special: { bos: bos!, eos: eos! },
    template: metadata.tokenizer.chat_template!,
    silent: tokens.flatMap((token, id) => (types![id] === normalToken && /^Ġ?[a-z]+$/u.test(token) ? [] : [id])),
  };
}

function metadataOf(shape: Shape, { tokens, types, merges, special, template }: Vocabulary): Record<string, GgufValue> {
  const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
  return {
    'general.architecture': { type: 'string', value: 'llama' },
    'general.name': { type: 'string', value: `Random ${shape.name}` },
    'general.file_type': uint32(7),
    'general.quantization_version': uint32(2),
    'llama.context_length': uint32(contextLength),
    'llama.embedding_length': uint32(shape.width),
    'llama.block_count': uint32(shape.layers),
    'llama.feed_forward_length': uint32(shape.feedForward),
    'llama.attention.head_count': uint32(shape.heads),
    'llama.attention.head_count_kv': uint32(shape.keyValueHeads),
    'llama.attention.layer_norm_rms_epsilon': { type: 'float32', value: 1e-5 },
    'llama.rope.dimension_count': uint32(shape.width / shape.heads),
    'llama.rope.freq_base': { type: 'float32', value: 10_000 },
    'llama.vocab_size': uint32(shape.vocabulary),
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'qwen2' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'int32s', value: types },
    'tokenizer.ggml.merges': { type: 'strings', value: merges },
    'tokenizer.ggml.bos_token_id': uint32(special.bos),
    'tokenizer.ggml.eos_token_id': uint32(special.eos),
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
    'tokenizer.chat_template': { type: 'string', value: template },
  };
}

function tensorsOf({ layers, width, heads, keyValueHeads, feedForward, vocabulary }: Shape): GgufTensor[] {
  const keyValueWidth = (width / heads) * keyValueHeads;
  const norm = (name: string): GgufTensor => ({ name, dimensions: [width], type: 'f32' });
  const matrix = (name: string, from: number, to: number): GgufTensor => {
    return { name, dimensions: [from, to], type: 'q8_0' };
  };
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const name = (part: string) => `blk.${layer}.${part}.weight`;
    return [
      norm(name('attn_norm')),
      matrix(name('attn_q'), width, width),
      matrix(name('attn_k'), width, keyValueWidth),
      matrix(name('attn_v'), width, keyValueWidth),
      matrix(name('attn_output'), width, width),
      norm(name('ffn_norm')),
      matrix(name('ffn_gate'), width, feedForward),
      matrix(name('ffn_up'), width, feedForward),
      matrix(name('ffn_down'), feedForward, width),
    ];
  });
  return [matrix('token_embd.weight', width, vocabulary), ...blocks.flat(), norm('output_norm.weight')];
}

function ones(tensor: GgufTensor): Buffer {
  const values = new Float32Array(tensorBytes(tensor) / 4).fill(1);
  return Buffer.from(values.buffer);
}

/** 0.02 over the standard deviation of uniform bytes, as a half-precision number. */
const scale = 0x0c6f;

function randomQ8(tensor: GgufTensor, bytes: Buffer): Buffer {
  for (let block = 0; block < tensorBytes(tensor); block += q8Block.bytes) bytes.writeUInt16LE(scale, block);
  return bytes;
}

function silence(embeddings: Buffer, width: number, tokens: readonly number[]): void {
  const rowBytes = (width / q8Block.weights) * q8Block.bytes;
  for (const token of tokens) embeddings.fill(0, token * rowBytes, (token + 1) * rowBytes);
}
