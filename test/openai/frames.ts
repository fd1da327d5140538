/** One Server-Sent Event as it came. */
export interface Frame {
  readonly id?: string;
  readonly data?: string;
  readonly comment?: string;
}

/** Takes the bytes as they come and tells the events that they complete. */
export function createFrameSplitter(): (part: Uint8Array) => Frame[] {
  const decoder = new TextDecoder();
  let text = '';
  return (part) => {
    text += decoder.decode(part, { stream: true });
    const whole = text.split('\n\n');
    text = whole.pop()!;
    return whole.map(parseFrame);
  };
}

function parseFrame(frame: string): Frame {
  const lines = frame.split('\n');
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const [id, data, comment] = [field('id'), field('data'), field('')];
  return {
    ...(id === undefined ? {} : { id }),
    ...(data === undefined ? {} : { data }),
    ...(comment === undefined ? {} : { comment }),
  };
}

export async function* readFrames({ body }: Response): AsyncGenerator<Frame, void, undefined> {
  const split = createFrameSplitter();
  for await (const part of body! as unknown as AsyncIterable<Uint8Array>) yield* split(part);
}

export async function allFrames(answer: Response): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of readFrames(answer)) frames.push(frame);
  return frames;
}

export interface Chunk {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly delta?: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number; readonly prompt_tokens: number } | null;
  readonly error?: { readonly message: string; readonly code: string; readonly type: string };
}

export function chunksOf(frames: readonly Frame[]): Chunk[] {
  return frames.flatMap(({ data }) => (data === undefined || data === '[DONE]' ? [] : [JSON.parse(data) as Chunk]));
}

/** What the chunks of one choice add up to. */
export function textOf(frames: readonly Frame[], index = 0): string {
  return chunksOf(frames)
    .flatMap(({ choices }) => choices ?? [])
    .filter((choice) => choice.index === index)
    .map(({ text, delta }) => text ?? delta?.content ?? '')
    .join('');
}
