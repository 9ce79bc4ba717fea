import { once } from 'node:events';
import { createServer } from 'node:net';

/** How far above its port a node of a Redis Cluster has that of its bus. */
const BUS_OFFSET = 10_000;

/** A port that nobody listens on. With `bus` the one 10,000 above is free too: nodes of a Redis Cluster use both. */
export async function freePort({ bus = false } = {}): Promise<number> {
  for (;;) {
    // Both lie below the range from which the system gives ports to outgoing connections.
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (!bus || (await isFree(port + BUS_OFFSET)))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
