import { setTimeout as delay } from 'node:timers/promises';
import { type FromProducer, type Load, type ToProducer, tokenText } from './messages.ts';

/** The synthetic engine: a process that says tokens to its parent, for all streams in one message a step, as real engines do. */
let streams: readonly number[] = [];

process.on('message', (message: ToProducer) => {
  if (message.type === 'start') {
    streams = message.streams;
    void produce(message.load);
  } else send(streams.map((requestId) => ({ requestId, text: '', tokens: 1, finishReason: 'STOP' })));
});
process.once('disconnect', () => process.exit());

async function produce({ steps, tokensPerStep, stepsPerSecond }: Load): Promise<void> {
  const step = streams.map((requestId) => ({
    requestId,
    text: tokenText.repeat(tokensPerStep),
    tokens: tokensPerStep,
  }));
  const startedAt = performance.now();
  for (let i = 0; i < steps; i++) {
    if (stepsPerSecond !== null) {
      const early = startedAt + (i * 1_000) / stepsPerSecond - performance.now();
      if (early > 0) await delay(early);
    }
    await send(step);
  }
}

/** Resolves when the operating system has taken the message. */
function send(message: FromProducer): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()));
}
