import { CloseCode } from 'graphql-ws';

/**
 * The operations of one socket. To the protocol each has an id of its own, whatever the client calls it: a client may use an id again as
 * soon as it has completed its operation, and the one before, which has yet to notice, must not be taken for the one after.
 */
export interface SocketOperations {
  /** Hands on a client's message as the protocol is to read it; settles when what it began has ended. */
  receive(text: string, handle: (message: unknown) => Promise<void>): Promise<void>;
  /** The protocol's message as the client is to read it; undefined where it is of an operation that the client has completed. */
  show(text: string): string | undefined;
  /** How many have begun and not truly ended: one that the client completed may have to wait for what it waits for. */
  readonly running: number;
}

interface OperationMessage {
  readonly type: string;
  readonly id: string;
}

/** How what the protocol sends of an operation begins. */
const shownHead = /^\{"id":"(\d+)","type":"(\w+)"/u;
const typesOfServers: readonly unknown[] = ['connection_ack', 'next', 'error'];

export function createSocketOperations(close: (code: number, reason: string) => void): SocketOperations {
  const byClientId = new Map<string, string>();
  const clientIds = new Map<string, string>();
  let begun = 0;
  let running = 0;

  function forget(id: string): void {
    const clientId = clientIds.get(id);
    if (clientId === undefined) return;
    clientIds.delete(id);
    byClientId.delete(clientId);
  }

  async function begin(message: OperationMessage, handle: (message: unknown) => Promise<void>): Promise<void> {
    if (byClientId.has(message.id)) {
      return close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${message.id} already exists`);
    }
    const id = String(++begun);
    byClientId.set(message.id, id);
    clientIds.set(id, message.id);
    running += 1;
    try {
      await handle({ ...message, id });
    } finally {
      running -= 1;
      forget(id);
    }
  }

  async function complete(message: OperationMessage, handle: (message: unknown) => Promise<void>): Promise<void> {
    const id = byClientId.get(message.id);
    if (id === undefined) return;
    forget(id);
    await handle({ ...message, id });
  }

  return {
    async receive(text, handle) {
      const message = parse(text);
      if (typesOfServers.includes(message?.type)) return close(CloseCode.BadRequest, 'Invalid message received');
      if (!isOfOperation(message)) return handle(message ?? text);
      if (message.type === 'subscribe') return begin(message, handle);
      if (message.type === 'complete') return complete(message, handle);
      return handle(message);
    },
    show(text) {
      const [, id, type] = shownHead.exec(text) ?? [];
      if (id === undefined) return text;
      const clientId = clientIds.get(id);
      if (clientId === undefined) return undefined;
      if (type !== 'next') forget(id);
      return `{"id":${JSON.stringify(clientId)}${text.slice(`{"id":"${id}"`.length)}`;
    },
    get running() {
      return running;
    },
  };
}

/** Undefined where it is no object: the protocol says so to the client. */
function parse(text: string): { readonly type?: unknown; readonly id?: unknown } | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

function isOfOperation(
  message: { readonly type?: unknown; readonly id?: unknown } | undefined,
): message is OperationMessage {
  return typeof message?.type === 'string' && typeof message.id === 'string' && message.id !== '';
}
