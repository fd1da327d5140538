import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a service that a test takes away and brings back, as a network or a failover would. */
export interface TcpProxy extends AsyncDisposable {
  readonly address: string;
  readonly present: boolean;
  /** Breaks every connection off, and refuses new ones. */
  goAway(): void;
  /** Loses without a word all that is sent over the connections there are and those to come, as a broken link does. */
  fallSilent(): void;
  /** Loses the answer to the next message that holds the text, and breaks that connection off: it was heard, but who knows? */
  loseAnswerTo(text: string): void;
  /** Takes connections again, and what is sent over these; those that lost something stay silent. */
  comeBack(): Promise<void>;
}

export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let ownPort = 0;
  let isSilent = false;
  let unanswered: string | undefined;

  async function listen(): Promise<void> {
    server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port, host, allowHalfOpen: true });
      near.on('data', (message) => {
        if (unanswered === undefined || !message.includes(unanswered)) return;
        unanswered = undefined;
        far
          .unpipe()
          .once('data', () => near.destroy())
          .resume();
      });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        if (isSilent) socket.resume();
        else socket.pipe(other);
        socket.on('error', () => {});
        socket.once('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
    }).listen(ownPort, '127.0.0.1');
    await once(server, 'listening');
    ownPort = (server.address() as AddressInfo).port;
  }

  function goAway(): void {
    server?.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
  }

  function fallSilent(): void {
    isSilent = true;
    for (const socket of sockets) socket.unpipe().resume();
  }

  async function comeBack(): Promise<void> {
    isSilent = false;
    if (!server) await listen();
  }

  await listen();
  return {
    address: `127.0.0.1:${ownPort}`,
    get present() {
      return server !== undefined;
    },
    goAway,
    fallSilent,
    loseAnswerTo(text) {
      unanswered = text;
    },
    comeBack,
    [Symbol.asyncDispose]: async () => goAway(),
  };
}

export interface DatabaseProxy extends TcpProxy {
  /** Of the database, through the proxy. */
  readonly url: string;
}

export async function startTcpProxyOf(databaseUrl: string): Promise<DatabaseProxy> {
  const url = new URL(databaseUrl);
  const proxy = await startTcpProxy(url.hostname, Number(url.port || 5432));
  url.host = proxy.address;
  return Object.assign(proxy, { url: url.href });
}
