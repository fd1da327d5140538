import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a service that a test takes away and brings back, as a network or a failover would. */
export interface TcpProxy extends AsyncDisposable {
  readonly address: string;
  readonly present: boolean;
  /** Breaks every connection off, and refuses new ones. */
  goAway(): void;
  comeBack(): Promise<void>;
}

export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let ownPort = 0;

  async function listen(): Promise<void> {
    server = createServer((near) => {
      const far = connect(port, host);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.pipe(other);
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

  await listen();
  return {
    address: `127.0.0.1:${ownPort}`,
    get present() {
      return server !== undefined;
    },
    goAway,
    comeBack: listen,
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
