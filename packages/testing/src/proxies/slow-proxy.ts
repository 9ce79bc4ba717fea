import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProxyServer } from './proxy-server.js';

/** A way to an HTTP server on which every request takes its time; one that is hung up before never arrives. */
export class SlowProxy extends ProxyServer {
  static async to(url: string, delayMs: number): Promise<SlowProxy> {
    const proxy = new SlowProxy();
    return proxy.listen(createServer((incoming, reply) => void proxy.#pass(incoming, reply, url, delayMs)));
  }

  async #pass(
    { method, url: path, headers }: IncomingMessage,
    reply: ServerResponse,
    to: string,
    delayMs: number,
  ): Promise<void> {
    await sleep(delayMs);
    if (reply.destroyed) return;
    const passedOn = request(new URL(path ?? '', to), { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(reply);
    });
    reply.on('close', () => passedOn.destroy());
    passedOn.on('error', () => reply.destroy());
    passedOn.end();
  }
}
