import { connect } from 'node:net';
import { expect, it, vi } from 'vitest';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { startApp } from '../kit/app.ts';
import { waitFor } from '../kit/wait-for.ts';

it('cuts off a client that takes nothing of its stream, and ends the generation', async () => {
  const complaints = vi.spyOn(console, 'error');
  const contextSize = 200_000;
  const engine = createScriptedInference([{ name: 'scripted', contextSize, reply: () => 'word '.repeat(contextSize) }]);
  await using app = await startApp({ inference: engine, config: { streams: { stallSeconds: 0.5, pingSeconds: 0.5 } } });
  const { secret } = await app.newClient();
  const body = JSON.stringify({ model: 'scripted', prompt: 'a', stream: true, max_tokens: contextSize - 100 });

  const { port } = new URL(app.url);
  const socket = connect(Number(port), '127.0.0.1').pause();
  let closed = false;
  socket.once('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await waitFor('the generation to start', () => engine.running === 1);
  await waitFor('the generation to be ended', () => engine.running === 0, 60_000);
  expect(app.logs.filter(({ level }) => level === 'error')).toEqual([]);
  // What is on its way can still be read, and then the end.
  socket.resume();
  await waitFor('the socket to close', () => closed);
  expect(complaints).not.toHaveBeenCalled();
});
