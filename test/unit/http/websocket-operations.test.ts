import { expect, test } from 'vitest';
import { createSocketOperations } from '../../../src/http/websocket-operations.ts';

function open() {
  const closed: number[] = [];
  const ends: (() => void)[] = [];
  const handled: unknown[] = [];
  const operations = createSocketOperations((code) => closed.push(code));
  const receive = (message: unknown) =>
    operations.receive(typeof message === 'string' ? message : JSON.stringify(message), (given) => {
      handled.push(given);
      return new Promise((resolve) => ends.push(resolve));
    });
  return { closed, ends, handled, operations, receive };
}

const subscribe = (id: string) => ({ type: 'subscribe', id, payload: { query: '{ a }' } });
const complete = (id: string) => ({ type: 'complete', id });
const next = (id: string) => `{"id":"${id}","type":"next","payload":{"data":{"a":1}}}`;

test('what runs on after the client completed it counts until it has ended', async () => {
  const { operations, receive, ends } = open();
  const first = receive(subscribe('a'));
  void receive(complete('a'));
  void receive(subscribe('a'));
  expect(operations.running).toBe(2);
  ends[0]!();
  await first;
  expect(operations.running).toBe(1);
});

test('an operation shows under the id of its client, and not at all once that has completed it', () => {
  const { operations, receive, handled } = open();
  void receive(subscribe('"quoted"'));
  const [{ id }] = handled as [{ id: string }];
  expect(JSON.parse(operations.show(next(id))!)).toEqual({ id: '"quoted"', type: 'next', payload: { data: { a: 1 } } });
  void receive(complete('"quoted"'));
  void receive(subscribe('"quoted"'));
  expect(operations.show(next(id))).toBeUndefined();
});

test('an id may be used again as soon as its end was shown', () => {
  const { operations, receive, handled, closed } = open();
  void receive(subscribe('a'));
  const [{ id }] = handled as [{ id: string }];
  expect(operations.show(`{"id":"${id}","type":"complete"}`)).toBe('{"id":"a","type":"complete"}');
  void receive(subscribe('a'));
  expect(closed).toEqual([]);
  void receive(subscribe('a'));
  expect(closed).toEqual([4409]);
});

test.each(['next', 'error', 'connection_ack'])('%s of a client closes its socket as a bad message', async (type) => {
  const { receive, closed, handled } = open();
  await receive({ type, id: 'a', payload: {} });
  expect(closed).toEqual([4400]);
  expect(handled).toEqual([]);
});

test.each(['nonsense', 'null', '[1]', '{"type":7}', '{"type":"subscribe"}'])(
  'the protocol judges %s, which is no operation',
  (text) => {
    const { receive, handled } = open();
    void receive(text);
    expect(handled).toHaveLength(1);
  },
);
