import { connect, createServer, type Socket } from 'node:net';
import { ProxyServer } from './proxy-server.js';

/** Passes bytes on to a server, such as a Redis, and can hold back what it replies: as a way does that takes long. */
export class HoldingProxy extends ProxyServer {
  readonly #servers = new Set<Socket>();
  #holds = false;

  /** In front of the server on a port of this machine. */
  static async start(port: number): Promise<HoldingProxy> {
    const proxy = new HoldingProxy();
    return proxy.listen(createServer((client) => proxy.#pass(client, connect(port, '127.0.0.1'))));
  }

  /** From now on requests arrive, and replies do not. */
  hold(): void {
    this.#holds = true;
    for (const server of this.#servers) server.pause();
  }

  release(): void {
    this.#holds = false;
    for (const server of this.#servers) server.resume();
  }

  /** Ends all connections, and what is held back never arrives; new ones are passed on. */
  lose(): void {
    this.#holds = false;
    for (const server of this.#servers) server.destroy();
  }

  #pass(client: Socket, server: Socket): void {
    this.#servers.add(server);
    client.on('data', (data) => server.write(data));
    server.on('data', (data) => client.write(data));
    if (this.#holds) server.pause();
    const end = () => {
      this.#servers.delete(server);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', () => {}).on('close', end);
  }
}
