import { describe, expect, test } from 'vitest';
import type { ApiKeyId, CompletionId, ProjectId } from '../../../src/contracts/ids.ts';
import type { Signal, Signals } from '../../../src/contracts/signals.ts';

export type OpenSignals = () => Signals | Promise<Signals>;

const keyChanged = (id: string): Signal => ({ type: 'api-key-changed', apiKeyId: id as ApiKeyId });
const projectChanged: Signal = { type: 'project-changed', projectId: 'project' as ProjectId };

/** What signals promise, for any adapter: listeners may be called some time after `publish`. */
export function describeSignals(name: string, open: OpenSignals): void {
  describe(`${name} signals`, () => {
    test('a listener gets every signal of its type, and only those, in order', async () => {
      await using signals = await open();
      const received: Signal[] = [];
      signals.subscribe('api-key-changed', (signal) => received.push(signal));
      const recorded: Signal = {
        type: 'usage-recorded',
        projectId: 'project' as ProjectId,
        completionId: 'completion' as CompletionId,
      };
      for (const signal of [keyChanged('1'), projectChanged, keyChanged('2'), recorded, keyChanged('3')])
        signals.publish(signal);
      await expect.poll(() => received).toEqual([keyChanged('1'), keyChanged('2'), keyChanged('3')]);
    });

    test('one that unsubscribed is not called any more, the others are', async () => {
      await using signals = await open();
      const leaving: Signal[] = [];
      const staying: Signal[] = [];
      const unsubscribe = signals.subscribe('project-changed', (signal) => leaving.push(signal));
      signals.subscribe('project-changed', (signal) => staying.push(signal));
      unsubscribe();
      unsubscribe();
      signals.publish(projectChanged);
      await expect.poll(() => staying).toEqual([projectChanged]);
      expect(leaving).toEqual([]);
    });

    test('publishing where nobody listens, or after disposal, is nothing', async () => {
      const signals = await open();
      const received: Signal[] = [];
      signals.publish(projectChanged);
      signals.subscribe('project-changed', (signal) => received.push(signal));
      await signals[Symbol.asyncDispose]();
      signals.publish(projectChanged);
      signals.subscribe('project-changed', (signal) => received.push(signal));
      signals.publish(projectChanged);
      expect(received).toEqual([]);
    });
  });
}
