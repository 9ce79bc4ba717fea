import { connect, createServer, type Socket } from 'node:net';
import { ProxyServer } from './proxy-server.js';

/** Passes bytes on to a server, such as a Redis, and can lose a reply: the server has done it, and the connection ends. */
export class LossyProxy extends ProxyServer {
  #losesReplyTo: string | undefined;
  /** How many replies were lost. */
  lost = 0;

  /** In front of the server on a port of this machine. */
  static async start(port: number): Promise<LossyProxy> {
    const proxy = new LossyProxy();
    return proxy.listen(createServer((client) => proxy.#pass(client, connect(port, '127.0.0.1'))));
  }

  /** Loses the reply to the next request that holds the text. */
  loseReplyTo(text: string): void {
    this.#losesReplyTo = text;
  }

  #pass(client: Socket, server: Socket): void {
    let losing = false;
    const end = () => {
      client.destroy();
      server.destroy();
    };
    client.on('data', (data) => {
      if (this.#losesReplyTo !== undefined && data.includes(this.#losesReplyTo)) {
        this.#losesReplyTo = undefined;
        losing = true;
      }
      server.write(data);
    });
    server.on('data', (data) => {
      if (!losing) {
        client.write(data);
        return;
      }
      this.lost++;
      end();
    });
    for (const socket of [client, server]) socket.on('error', () => {}).on('close', end);
  }
}
