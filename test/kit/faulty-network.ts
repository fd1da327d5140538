import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { between, oneOf } from './random.ts';

/** What happens to a connection, some time after it was made. */
export const faults = ['none', 'cut', 'reset', 'stall', 'halve'] as const;
export type Fault = (typeof faults)[number];

/** A network that breaks connections at random: cut or reset on both sides, stalled for a while, or half-open for ever. */
export interface FaultyNetwork extends AsyncDisposable {
  readonly address: string;
  /** How often each fault happened. */
  readonly happened: Readonly<Record<Fault, number>>;
}

export interface FaultyNetworkOptions {
  readonly target: URL;
  readonly random: () => number;
  /** The longest that a connection works, and that a stall lasts. */
  readonly faultMilliseconds: number;
}

export async function startFaultyNetwork(options: FaultyNetworkOptions): Promise<FaultyNetwork> {
  const { target, random, faultMilliseconds } = options;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const happened: Record<Fault, number> = { none: 0, cut: 0, reset: 0, stall: 0, halve: 0 };

  function later(action: () => void): void {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        action();
      },
      between(random, 20, faultMilliseconds),
    );
    timers.add(timer);
  }

  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    let halfOpen = false;
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        // Of a half-open connection neither side learns what became of the other.
        if (!halfOpen) other.destroy();
      });
    }

    const fault = oneOf(random, faults);
    later(() => {
      if (near.destroyed || far.destroyed) return;
      happened[fault]++;
      switch (fault) {
        case 'none':
          return;
        case 'cut':
          return void near.destroy();
        case 'reset':
          far.resetAndDestroy();
          return void near.resetAndDestroy();
        case 'stall':
          near.pause();
          far.pause();
          return later(() => {
            near.resume();
            far.resume();
          });
        case 'halve':
          halfOpen = true;
          for (const socket of [near, far]) {
            socket.unpipe();
            socket.resume(); // What still comes arrives nowhere.
          }
          return;
        default:
          fault satisfies never;
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    happened,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
