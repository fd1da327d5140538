import { once } from 'node:events';
import type { WebSocket } from 'ws';
import type { Logger } from '../contracts/logger.ts';

/** A client's socket, as the protocol uses it. */
export interface ClientSocket {
  /** Resolves when the operating system has taken the message: who sends on only then never piles up messages in memory. */
  send(message: string): Promise<void>;
  /** The first close counts. */
  close(code: number, reason: string): void;
}

export interface ClientSockets {
  add(webSocket: WebSocket): ClientSocket;
  closeAll(code: number, reason: string): Promise<void>;
}

export interface ClientSocketsOptions {
  readonly pingSeconds: number;
  /** A client that takes nothing of what is sent for so long is cut off; it can come back and resume. */
  readonly stallSeconds: number;
  readonly logger: Logger;
}

interface State {
  readonly webSocket: WebSocket;
  pendingSends: number;
  /** When the operating system last took a message, or had none to take. */
  progressAt: number;
  pingedAt: number;
  ponged: boolean;
}

const closeMilliseconds = 1_000;
const reasonBytes = 123;

/** Watches over all open sockets with one timer: pings (a half-open connection answers none) and stalled readers. */
export function createClientSockets({ pingSeconds, stallSeconds, logger }: ClientSocketsOptions): ClientSockets {
  const states = new Set<State>();
  let sweep: NodeJS.Timeout | undefined;

  function sweepAll(): void {
    const now = performance.now();
    for (const state of states) {
      const { webSocket, pendingSends, progressAt, pingedAt, ponged } = state;
      if (pendingSends > 0 && now - progressAt > stallSeconds * 1_000) {
        logger.info({ stallSeconds }, 'a client that had stopped reading was cut off');
        webSocket.terminate();
      } else if (now - pingedAt > pingSeconds * 1_000) {
        if (!ponged) {
          webSocket.terminate();
          continue;
        }
        state.pingedAt = now;
        state.ponged = false;
        if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
      }
    }
  }

  function watch(state: State): void {
    states.add(state);
    sweep ??= setInterval(sweepAll, Math.min(pingSeconds, stallSeconds, 4) * 250).unref();
  }

  function forget(state: State): void {
    states.delete(state);
    if (states.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  }

  return {
    add(webSocket) {
      const now = performance.now();
      const state: State = { webSocket, pendingSends: 0, progressAt: now, pingedAt: now, ponged: true };
      let closing = false;
      watch(state);
      webSocket.on('pong', () => {
        state.ponged = true;
      });
      webSocket.on('error', (error) => logger.debug({ err: error }, 'a WebSocket failed'));
      webSocket.once('close', () => forget(state));
      return {
        send(message) {
          if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve();
          if (state.pendingSends++ === 0) state.progressAt = performance.now();
          return new Promise((resolve) => {
            // A failed send is a socket that closes, which ends its operations; there is nobody else to tell.
            webSocket.send(message, () => {
              state.pendingSends--;
              state.progressAt = performance.now();
              resolve();
            });
          });
        },
        close(code, reason) {
          if (closing) return;
          closing = true;
          webSocket.close(
            code,
            Buffer.from(reason)
              .subarray(0, reasonBytes)
              .toString()
              .replace(/\uFFFD$/u, ''),
          );
        },
      };
    },

    async closeAll(code, reason) {
      const all = [...states].map(({ webSocket }) => webSocket);
      await Promise.all(
        all.map(async (webSocket) => {
          const closed = once(webSocket, 'close');
          webSocket.close(code, reason);
          const timer = setTimeout(() => webSocket.terminate(), closeMilliseconds);
          await closed;
          clearTimeout(timer);
        }),
      );
    },
  };
}
