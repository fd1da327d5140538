import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type FromProducer, type Load, type ToProducer, tokenText } from './messages.ts';

/** The synthetic engine: a process that says tokens to its parent, for all streams in one message a step, as real engines do. */
let streams: readonly number[] = [];
let delivered = () => {};

const steps = createServer((readers) => readers.on('data', () => delivered()).on('error', () => {}));
steps.listen(0, '127.0.0.1');
await once(steps, 'listening');
await send({ type: 'listening', stepPort: (steps.address() as AddressInfo).port });

process.on('message', (message: ToProducer) => {
  if (message.type === 'start') {
    streams = message.streams;
    void produce(message.load);
  } else {
    const pieces = streams.map((requestId) => ({ requestId, text: '', tokens: 1, finishReason: 'STOP' as const }));
    void send({ type: 'step', pieces });
  }
});
process.once('disconnect', () => process.exit());

async function produce({ steps, tokensPerStep, pace }: Load): Promise<void> {
  const text = tokenText.repeat(tokensPerStep);
  const pieces = streams.map((requestId) => ({ requestId, text, tokens: tokensPerStep }));
  for (let i = 0; i < steps; i++) {
    const allHaveIt = new Promise<void>((resolve) => {
      delivered = resolve;
    });
    await send({ type: 'step', pieces });
    if (pace === 'delivered') await allHaveIt;
  }
}

/** Resolves when the operating system has taken the message. */
function send(message: FromProducer): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()));
}
