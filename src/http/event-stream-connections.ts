import type { ServerResponse } from 'node:http';
import type { Logger } from '../contracts/logger.ts';

/** One response that carries Server-Sent Events. */
export interface EventStreamConnection {
  /** Resolves when the connection takes more, or has closed; nothing to wait for where it takes more now. Who writes on only then never piles up events in memory. */
  write(text: string): Promise<void> | undefined;
  /** The last of it; a client that does not take it in time is cut off. */
  end(text: string): void;
  /** As `end`, for a client that must be gone within a second. */
  endNow(text: string): void;
}

export interface EventStreamConnections {
  /** Begins the response; `onClose` is called once, however it ends. */
  open(response: ServerResponse, headers: Readonly<Record<string, string>>, onClose: () => void): EventStreamConnection;
}

export interface EventStreamConnectionsOptions {
  /** After so long without an event a comment is sent, so that nothing on the way takes the connection for dead. */
  readonly heartbeatSeconds: number;
  /** A client that takes nothing of what is sent for so long is cut off; it can come back and resume. */
  readonly stallSeconds: number;
  readonly logger: Logger;
}

interface State {
  readonly response: ServerResponse;
  wroteAt: number;
  /** Since when the connection has taken nothing, while there is something to take. */
  fullSince: number | undefined;
  resume: () => void;
}

const comment = ':\n\n';
const endNowMilliseconds = 1_000;
/** A longer event is written in pieces of so many bytes, so that a slow reader is seen to read. */
const pieceBytes = 65_536;

const eventStreamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Nginx would gather events.
  'x-accel-buffering': 'no',
};

/** Watches over all open event streams with one timer: heartbeats and stalled readers. */
export function createEventStreamConnections(options: EventStreamConnectionsOptions): EventStreamConnections {
  const { heartbeatSeconds, stallSeconds, logger } = options;
  const states = new Set<State>();
  let sweep: NodeJS.Timeout | undefined;

  function sweepAll(): void {
    const now = performance.now();
    for (const { response, wroteAt, fullSince } of states) {
      if (fullSince !== undefined) {
        if (now - fullSince <= stallSeconds * 1_000) continue;
        logger.info({ stallSeconds }, 'a client that had stopped reading was cut off');
        response.destroy();
      } else if (now - wroteAt > heartbeatSeconds * 1_000 && !response.writableEnded) {
        response.write(comment);
      }
    }
  }

  function watch(state: State): void {
    states.add(state);
    sweep ??= setInterval(sweepAll, Math.min(heartbeatSeconds, stallSeconds, 4) * 250).unref();
  }

  function forget(state: State): void {
    states.delete(state);
    if (states.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  }

  function writePiece(state: State, piece: string | Buffer): Promise<void> | undefined {
    const { response } = state;
    if (response.destroyed || response.writableEnded) return undefined;
    state.wroteAt = performance.now();
    if (response.write(piece)) return undefined;
    state.fullSince = state.wroteAt;
    return new Promise((resolve) => {
      state.resume = resolve;
    });
  }

  function write(state: State, text: string): Promise<void> | undefined {
    return text.length < pieceBytes ? writePiece(state, text) : writePieces(state, text);
  }

  async function writePieces(state: State, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      await writePiece(state, bytes.subarray(start, start + pieceBytes));
    }
  }

  function end(state: State, text: string): void {
    if (state.response.writableEnded) return;
    state.fullSince ??= performance.now();
    state.response.end(text);
  }

  return {
    open(response, headers, onClose) {
      const state: State = { response, wroteAt: performance.now(), fullSince: undefined, resume: () => {} };
      watch(state);
      response.on('drain', () => {
        state.fullSince = undefined;
        state.resume();
      });
      response.on('error', (error) => logger.debug({ err: error }, 'an event stream failed'));
      response.once('close', () => {
        forget(state);
        state.resume();
        onClose();
      });
      response.writeHead(200, { ...eventStreamHeaders, ...headers });
      response.write(comment);
      return {
        write: (text) => write(state, text),
        end: (text) => end(state, text),
        endNow(text) {
          end(state, text);
          const timer = setTimeout(() => response.destroy(), endNowMilliseconds);
          response.once('close', () => clearTimeout(timer));
        },
      };
    },
  };
}
