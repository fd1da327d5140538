import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChoicePiece } from '../../../src/inference/protocol.ts';
import type { FromProducer, Load, ToProducer } from './messages.ts';

/** A server's end of its synthetic engine. */
export interface Producer extends AsyncDisposable {
  readonly stepPort: number;
  /** Opens a stream; the result closes it. */
  open(onPiece: (piece: ChoicePiece) => void): () => void;
  /** Begins to produce for the streams that are open now. */
  start(load: Load): void;
  /** Ends them. */
  finish(): void;
}

export async function startProducer(): Promise<Producer> {
  const child = fork(fileURLToPath(new URL('producer.ts', import.meta.url)), [], { execArgv: ['--import', 'tsx'] });
  const streams = new Map<number, (piece: ChoicePiece) => void>();
  let lastStream = 0;
  const stepPort = await new Promise<number>((resolve) => {
    child.on('message', (message: FromProducer) => {
      if (message.type === 'listening') resolve(message.stepPort);
      else for (const piece of message.pieces) streams.get(piece.requestId)?.(piece);
    });
  });
  const send = (message: ToProducer) => void child.send(message);
  return {
    stepPort,
    open(onPiece) {
      const stream = ++lastStream;
      streams.set(stream, onPiece);
      return () => void streams.delete(stream);
    },
    start: (load) => send({ type: 'start', load, streams: [...streams.keys()] }),
    finish: () => send({ type: 'finish' }),
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
    },
  };
}
