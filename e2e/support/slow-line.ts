import { once } from 'node:events';
import { createServer, type Server as HttpServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A way to a server on which every request takes its time; one that is hung up before never arrives. */
export class SlowLine implements AsyncDisposable {
  readonly #http: HttpServer;

  private constructor(http: HttpServer) {
    this.#http = http;
  }

  static async to(url: string, delayMs: number): Promise<SlowLine> {
    const http = createServer(async ({ method, url: path, headers }, reply) => {
      await sleep(delayMs);
      if (reply.destroyed) return;
      const passedOn = request(new URL(path ?? '', url), { method, headers }, (answer) => {
        reply.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(reply);
      });
      reply.on('close', () => passedOn.destroy());
      passedOn.on('error', () => reply.destroy());
      passedOn.end();
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new SlowLine(http);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }
}
