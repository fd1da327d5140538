import type { WebSocket } from 'ws';
import type { Logger } from '../contracts/logger.ts';

/** A client's socket, as the protocol uses it. */
export interface ClientSocket {
  /** Resolves when the operating system has taken the message: who sends on only then never piles up messages in memory. */
  send(message: string): Promise<void>;
  /** The first close counts. A client that does not answer it within a second is cut off. */
  close(code: number, reason: string): void;
  /** Nothing that it still sends counts. */
  readonly closing: boolean;
}

export interface ClientSockets {
  add(webSocket: WebSocket, onMessage: (message: string) => void): ClientSocket;
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
  /** When the operating system last took something, or had nothing to take. */
  progressAt: number;
  pingedAt: number;
  ponged: boolean;
  closingAt: number | undefined;
}

const closeMilliseconds = 1_000;
const reasonBytes = 123;
/** A longer message is sent in pieces of so many bytes, so that a slow reader is seen to read. */
const pieceBytes = 65_536;
/** A client that leaves so much unread is not listened to: what it asks for would pile up. */
const mostUnreadBytes = 262_144;

/** Watches over all open sockets with one timer: pings (a half-open connection answers none) and stalled readers. */
export function createClientSockets({ pingSeconds, stallSeconds, logger }: ClientSocketsOptions): ClientSockets {
  const states = new Set<State>();
  let sweep: NodeJS.Timeout | undefined;

  function sweepAll(): void {
    const now = performance.now();
    for (const state of states) {
      const { webSocket, pendingSends, progressAt, pingedAt, ponged, closingAt } = state;
      if (closingAt !== undefined) {
        if (now - closingAt > closeMilliseconds) webSocket.terminate();
      } else if (pendingSends > 0 && now - progressAt > stallSeconds * 1_000) {
        logger.info({ stallSeconds }, 'a client that had stopped reading was cut off');
        webSocket.terminate();
      } else if (now - pingedAt > pingSeconds * 1_000 && !webSocket.isPaused) {
        if (!ponged) {
          webSocket.terminate();
          continue;
        }
        state.pingedAt = now;
        state.ponged = false;
        webSocket.ping();
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

  function close(state: State, code: number, reason: string): void {
    if (state.closingAt !== undefined) return;
    state.closingAt = performance.now();
    // The client's own close must be heard.
    state.webSocket.resume();
    state.webSocket.close(code, shorten(reason));
  }

  function createSend(state: State): (message: string) => Promise<void> {
    const { webSocket } = state;
    let pieces: Promise<void> | undefined;

    function transmit(data: string | Buffer, fin: boolean): Promise<void> {
      if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve();
      if (state.pendingSends++ === 0) state.progressAt = performance.now();
      return new Promise((resolve) => {
        // A failed send is a socket that closes, which ends its operations; there is nobody else to tell.
        webSocket.send(data, { binary: false, fin }, () => {
          state.pendingSends--;
          state.progressAt = performance.now();
          if (webSocket.isPaused && webSocket.bufferedAmount <= mostUnreadBytes) webSocket.resume();
          resolve();
        });
      });
    }

    async function transmitPieces(message: string): Promise<void> {
      const bytes = Buffer.from(message);
      for (let start = 0; start < bytes.length; start += pieceBytes) {
        const end = start + pieceBytes;
        await transmit(bytes.subarray(start, end), end >= bytes.length);
      }
    }

    return (message) => {
      if (!pieces && message.length < pieceBytes) return transmit(message, true);
      // No other message may come between the pieces of one.
      const sent: Promise<void> = (pieces ?? Promise.resolve())
        .then(() => transmitPieces(message))
        .finally(() => {
          if (pieces === sent) pieces = undefined;
        });
      pieces = sent;
      return sent;
    };
  }

  return {
    add(webSocket, onMessage) {
      const now = performance.now();
      const state: State = {
        webSocket,
        pendingSends: 0,
        progressAt: now,
        pingedAt: now,
        ponged: true,
        closingAt: undefined,
      };
      watch(state);
      webSocket.on('pong', () => {
        state.ponged = true;
      });
      webSocket.on('message', (message) => {
        if (state.closingAt !== undefined) return;
        if (webSocket.bufferedAmount > mostUnreadBytes) webSocket.pause();
        onMessage(String(message));
      });
      webSocket.on('error', (error) => logger.debug({ err: error }, 'a WebSocket failed'));
      webSocket.once('close', () => forget(state));
      return {
        send: createSend(state),
        close: (code, reason) => close(state, code, reason),
        get closing() {
          return state.closingAt !== undefined || webSocket.readyState !== webSocket.OPEN;
        },
      };
    },

    async closeAll(code, reason) {
      await Promise.all(
        [...states].map((state) => {
          // One that fails closes as well.
          const closed = new Promise((resolve) => state.webSocket.once('close', resolve));
          close(state, code, reason);
          return closed;
        }),
      );
    },
  };
}

/** A close frame holds 123 bytes of reason. */
function shorten(reason: string): string {
  return Buffer.from(reason)
    .subarray(0, reasonBytes)
    .toString()
    .replace(/\uFFFD$/u, '');
}
