import { expect, test } from 'vitest';
import { createMemorySignals } from '../../../../src/bus/memory/signals.ts';
import type { ProjectId } from '../../../../src/contracts/ids.ts';

test('a listener that throws stops neither the others nor the publisher', async () => {
  const errors: unknown[] = [];
  await using signals = createMemorySignals({ onListenerError: (error) => errors.push(error) });
  const bug = new Error('a bug of the listener');
  const received: string[] = [];
  signals.subscribe('project-changed', () => {
    throw bug;
  });
  signals.subscribe('project-changed', ({ projectId }) => received.push(projectId));
  signals.publish({ type: 'project-changed', projectId: 'project' as ProjectId });
  expect(received).toEqual(['project']);
  expect(errors).toEqual([bug]);
});
