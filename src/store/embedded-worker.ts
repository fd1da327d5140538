import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import type { EmbeddedWorkerData, EmbeddedWorkerMessage } from './embedded-thread.ts';

/** The thread of the embedded database: PGlite behind a socket that speaks PostgreSQL's protocol. */
const port = parentPort;
if (!port) throw new Error('runs as a worker thread only');
const { databaseDirectory, socket } = workerData as EmbeddedWorkerData;

const database = await PGlite.create(databaseDirectory);

// The socket server would go on silently, answering nobody, after an engine that broke down.
const stream = database.execProtocolRawStream.bind(database);
database.execProtocolRawStream = async (message, options) => {
  try {
    await stream(message, options);
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
    throw error;
  }
};

// Our pool holds one connection, but may replace it before the server has noticed that the old one is gone.
const server = new PGLiteSocketServer({ db: database, path: socket, maxConnections: 4 });
await server.start();
port.on('message', async () => {
  await server.stop();
  await database.close();
  port.close();
});
port.postMessage({ type: 'ready' } satisfies EmbeddedWorkerMessage);
