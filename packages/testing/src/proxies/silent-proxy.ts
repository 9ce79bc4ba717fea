import { connect, createServer, type Socket } from 'node:net';
import { ProxyServer } from './proxy-server.js';

/**
 * Passes bytes on to a server, such as a Redis, until the network between them is cut in silence: nothing passes, and
 * neither end is told. Connections that were open then, or were opened meanwhile, stay dead when it is mended, as those
 * do that wait ever longer before they send again; new ones work.
 */
export class SilentProxy extends ProxyServer {
  #isCut = false;
  readonly #silencers = new Set<() => void>();
  /** How many connections were ever opened. */
  opened = 0;
  /** How many of them were reset by who opened them: what its system had not sent is never sent. */
  resets = 0;

  /** In front of the server on a port of this machine. */
  static async start(port: number): Promise<SilentProxy> {
    const proxy = new SilentProxy();
    return proxy.listen(createServer((client) => proxy.#accept(client, port)));
  }

  cut(): void {
    this.#isCut = true;
    for (const silence of this.#silencers) silence();
    this.#silencers.clear();
  }

  mend(): void {
    this.#isCut = false;
  }

  #accept(client: Socket, port: number): void {
    this.opened++;
    client.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') this.resets++;
    });
    if (this.#isCut) client.resume();
    else this.#pass(client, connect(port, '127.0.0.1'));
  }

  #pass(client: Socket, server: Socket): void {
    let silent = false;
    const silence = () => {
      silent = true;
    };
    this.#silencers.add(silence);
    server.on('error', () => {});
    client.on('data', (data) => void (silent || server.write(data)));
    server.on('data', (data) => void (silent || client.write(data)));
    client.on('close', () => {
      this.#silencers.delete(silence);
      server.destroy();
    });
    server.on('close', () => void (silent || client.destroy()));
  }
}
