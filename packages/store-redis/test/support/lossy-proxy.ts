import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/** Passes bytes on to a Redis, and can lose a reply: Redis has run the command, and the connection ends. */
export class LossyProxy {
  readonly #server: Server;
  #mark: string | undefined;
  /** How many replies were lost. */
  lost = 0;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const redis = connect(port, '127.0.0.1');
      let losing = false;
      client.on('data', (data) => {
        if (this.#mark !== undefined && data.includes(this.#mark)) {
          this.#mark = undefined;
          losing = true;
        }
        redis.write(data);
      });
      redis.on('data', (data) => {
        if (!losing) {
          client.write(data);
          return;
        }
        this.lost++;
        client.destroy();
        redis.destroy();
      });
      for (const socket of [client, redis]) {
        socket.on('error', () => {});
        socket.on('close', () => {
          client.destroy();
          redis.destroy();
        });
      }
    });
  }

  /** In front of the Redis on a port of this machine. */
  static async start(port: number): Promise<LossyProxy> {
    const proxy = new LossyProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Loses the reply to the next command that holds the text. */
  loseReplyTo(text: string): void {
    this.#mark = text;
  }

  stop(): void {
    this.#server.close();
  }
}
