import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { waitFor } from '../../kit/wait-for.ts';

const allowedBytes = 4_096;
const sentBytes = 8 * 1024 * 1024;

describe.each(['/v1/completions', '/v1/chat/completions', '/graphql'])('a body for %s', (path) => {
  let app: TestApp;
  let secret: string;

  beforeAll(async () => {
    app = await startApp({ inference: createScriptedInference(), config: { limits: { requestBytes: allowedBytes } } });
    secret = (await app.newClient()).secret;
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** A client that reads nothing until it is resumed: what it sends, it sends first. */
  function open() {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    const seen = { text: '', closed: false };
    socket.on('data', (part) => {
      seen.text += part;
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      seen.closed = true;
    });
    socket.pause();
    return { socket, seen };
  }

  const head = (framing: string) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`;

  function write(socket: Socket, data: string): Promise<void> {
    return new Promise((resolve) => socket.write(data, () => resolve()));
  }

  const part = 'x'.repeat(64 * 1024);
  const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
  const parts = sentBytes / part.length;

  it.each([
    ['in chunks', 'transfer-encoding: chunked', `${chunk.repeat(parts)}0\r\n\r\n`],
    ['of a known length', `content-length: ${sentBytes}`, part.repeat(parts)],
  ])(
    'that is too large is answered with 413 when it comes %s, and the connection goes on',
    async (_name, framing, body) => {
      for (let round = 0; round < 10; round++) {
        const { socket, seen } = open();
        await write(socket, head(framing));
        await write(socket, body);
        await write(socket, head('content-length: 2'));
        await write(socket, '{}');
        socket.resume();
        await waitFor('both answers', () => seen.text.match(/HTTP\/1\.1 \d+/gu)?.length === 2, 30_000);
        expect(seen.text).toMatch(/^HTTP\/1\.1 413 /u);
        expect(seen.text).toMatch(/payload_too_large/iu);
        socket.destroy();
      }
    },
  );

  it('that is too large is answered with 413 also where it never ends, and then cut off', async () => {
    const { socket, seen } = open();
    await write(socket, head('transfer-encoding: chunked'));
    socket.resume();
    const sendMore = () => {
      while (!seen.closed && socket.write(chunk));
    };
    socket.on('drain', sendMore);
    sendMore();
    await waitFor('the connection to be cut off', () => seen.closed, 30_000);
    expect(seen.text).toMatch(/^HTTP\/1\.1 413 /u);
  });

  it('that stops coming, as its client has gone, is nothing to report', async () => {
    const logged = app.logs.length;
    const { socket, seen } = open();
    await write(socket, head('content-length: 4000'));
    await write(socket, '{"query":');
    socket.resetAndDestroy();
    const other = open();
    await write(other.socket, head('content-length: 2'));
    await write(other.socket, '{');
    other.socket.resume();
    other.socket.end();
    await waitFor('both to be closed', () => seen.closed && other.seen.closed);
    expect(await (await fetch(`${app.url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(app.logs.slice(logged).filter(({ level }) => level !== 'debug')).toEqual([]);
  });
});
