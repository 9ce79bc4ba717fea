import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { closed, opened } from '../leaks.js';

/** What proxies have in common: a listening socket on a free port, and the connections to it. `await using` ends them. */
export abstract class ProxyServer implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** @param server of `node:net` or `node:http`, not listening yet */
  protected async listen(server: Server): Promise<this> {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened(this, `a ${this.constructor.name} on port ${this.port}`);
    return this;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | undefined;
    return address?.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends all connections; nobody listens any more. A second time does nothing. */
  async stop(): Promise<void> {
    if (!this.#server?.listening) return;
    const end = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await end;
    closed(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
