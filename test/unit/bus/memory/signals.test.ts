import { expect, test } from 'vitest';
import { createMemorySignals } from '../../../../src/bus/memory/signals.ts';

test('a listener that throws stops neither the others nor the publisher', async () => {
  const errors: unknown[] = [];
  await using signals = createMemorySignals({ onListenerError: (error) => errors.push(error) });
  const bug = new Error('a bug of the listener');
  const received: string[] = [];
  signals.subscribe('model-changed', () => {
    throw bug;
  });
  signals.subscribe('model-changed', ({ model }) => received.push(model));
  signals.publish({ type: 'model-changed', model: 'starter' });
  expect(received).toEqual(['starter']);
  expect(errors).toEqual([bug]);
});
