/** llama.cpp's LLAMA_DEFAULT_SEED (llama.h): it draws a seed of its own for this one. */
const drawsItsOwn = 0xff_ff_ff_ff;
/** From the middle of the range: the seeds of a completion's choices, which follow one another, stay different. */
const standIn = 0x7f_ff_ff_ff;

/** The seed that llama.cpp is given, so that every seed repeats. */
export function nativeSeed(seed: number): number {
  const unsigned = seed >>> 0;
  return unsigned === drawsItsOwn ? standIn : unsigned;
}
