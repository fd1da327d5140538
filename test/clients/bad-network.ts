import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A bad network between a client and the service: it breaks the first few connections, each after so many bytes of the service's answer. */
export interface BadNetwork extends AsyncDisposable {
  /** The service, through this network. */
  readonly url: string;
  /** Connections made so far. */
  readonly connections: number;
}

export interface Breaks {
  readonly connections: number;
  readonly afterBytes: number;
}

export async function startBadNetwork(target: string, breaks: Breaks): Promise<BadNetwork> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let connections = 0;

  function keep(socket: Socket, other: Socket): void {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      other.destroy();
    });
  }

  const server = createServer((client) => {
    let bytesLeft = connections++ < breaks.connections ? breaks.afterBytes : Number.POSITIVE_INFINITY;
    const service = connect({ host: hostname, port: Number(port) });
    keep(client, service);
    keep(service, client);
    client.pipe(service);
    service.on('data', (bytes) => {
      if (bytesLeft <= 0) return;
      client.write(bytes.subarray(0, bytesLeft));
      bytesLeft -= bytes.length;
      if (bytesLeft <= 0) client.destroySoon();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
