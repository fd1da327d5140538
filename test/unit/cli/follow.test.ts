import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { connectToUrl } from '../../../src/cli/client.ts';
import { Failure } from '../../../src/cli/failure.ts';
import { followCompletion } from '../../../src/cli/follow.ts';
import { delta, ended, finishedCompletion } from './fake-completion.ts';
import { type FakeService, startFakeService } from './fake-service.ts';

const tokens = ['one ', 'two ', 'three ', 'four ', 'five ', 'six'];
const forever = new AbortController().signal;

/** Replays after `after`; the connection of each attempt breaks after two more events, until nothing is left. */
function dropping(askedAfter: number[], drop: () => void) {
  return {
    async *completionEvents({ after }: { after: number }) {
      askedAfter.push(after);
      for (let seq = after + 1; seq <= tokens.length; seq++) {
        if (seq === after + 3) {
          drop();
          await new Promise(() => {});
        }
        yield delta(seq, tokens[seq - 1]!);
      }
      yield ended(tokens.length + 1, finishedCompletion(tokens.join('')));
    },
  };
}

async function read(service: FakeService, signal = forever): Promise<string> {
  await using connection = connectToUrl({ url: service.url, apiKey: 'key' });
  let text = '';
  for await (const event of followCompletion(connection, 'completion-1', signal)) {
    if (event.__typename === 'CompletionDelta') text += event.text;
  }
  return text;
}

test.each([
  ['breaks off', (socket: WebSocket) => socket.terminate()],
  ['is closed as if all were well', (socket: WebSocket) => socket.close(1000)],
  ['is closed for a restart', (socket: WebSocket) => socket.close(1012)],
])('text is neither missing nor doubled when the connection %s', async (_, drop) => {
  const askedAfter: number[] = [];
  const dropAll = () => {
    for (const socket of service.sockets) drop(socket);
  };
  await using service: FakeService = await startFakeService({ root: dropping(askedAfter, dropAll) });
  expect(await read(service)).toBe(tokens.join(''));
  expect(askedAfter).toEqual([0, 2, 4]);
});

test('an error of the service ends the reading, and is not tried again', async () => {
  const askedAfter: number[] = [];
  await using service = await startFakeService({
    root: {
      // biome-ignore lint/correctness/useYield: it fails before the first event
      async *completionEvents({ after }: { after: number }) {
        askedAfter.push(after);
        throw new Error('There is no such completion.');
      },
    },
  });
  await expect(read(service)).rejects.toThrow(new Failure('There is no such completion.'));
  expect(askedAfter).toEqual([0]);
});

test('a key that is no longer accepted ends the reading with what to do', async () => {
  await using service = await startFakeService({ root: {}, acceptKey: () => false });
  await expect(read(service)).rejects.toThrow('SLUICE_API_KEY');
});

test('the signal ends the reading while the next event is awaited', async () => {
  const leaving = new AbortController();
  await using service = await startFakeService({
    root: {
      async *completionEvents() {
        yield delta(1, 'one ');
        leaving.abort();
        await new Promise(() => {});
      },
    },
  });
  expect(['one ', '']).toContain(await read(service, leaving.signal));
});
