import http from 'node:http';
import { ProxyServer } from './proxy-server.js';

/** Requests that many sends, channels and acknowledgements share. */
const SHARED_REQUESTS = /\/(appends|streams|cursors)$/;

export interface BalancerOptions {
  /** Of every so many POSTs, the answer of one is lost on its way; 0: of none. */
  readonly losesOneIn?: number;
  /** Of the servers: those that are to look as they were before there were shared requests. */
  readonly older?: readonly { readonly port: number }[];
}

/**
 * Passes requests on to servers in turn, as proxies do by default: one that cannot be connected to is skipped; a GET whose
 * server breaks off before it answers goes to the next one; a POST in the same place is answered with 502, since it may
 * have been carried out.
 */
export class Balancer extends ProxyServer {
  readonly #ports: readonly number[];
  readonly #losesOneIn: number;
  readonly #older: ReadonlySet<number>;
  #turn = 0;
  #publishes = 0;

  private constructor(ports: readonly number[], { losesOneIn = 0, older = [] }: BalancerOptions) {
    super();
    this.#ports = ports;
    this.#losesOneIn = losesOneIn;
    this.#older = new Set(older.map(({ port }) => port));
  }

  static async before(
    servers: readonly { readonly port: number }[],
    options: BalancerOptions = {},
  ): Promise<Balancer> {
    const ports = servers.map(({ port }) => port);
    const balancer = new Balancer(ports, options);
    return balancer.listen(http.createServer((request, reply) => void balancer.#pass(request, reply)));
  }

  #isUnknown(port: number, path = ''): boolean {
    return this.#older.has(port) && SHARED_REQUESTS.test(path);
  }

  async #pass(request: http.IncomingMessage, reply: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const turn = this.#turn++;
    for (let n = 0; n < this.#ports.length; n += 1) {
      const port = this.#ports[(turn + n) % this.#ports.length] ?? 0;
      if (this.#isUnknown(port, request.url)) {
        reply.writeHead(404, { 'Content-Type': 'application/json' });
        reply.end('{"code":"ResourceNotFound","message":"does not exist"}');
        return;
      }
      const outcome = await this.#tryOne(port, request, Buffer.concat(chunks), reply);
      if (outcome === 'answered') return;
      if (outcome === 'broken' && request.method !== 'GET') break;
    }
    reply.writeHead(502, { 'Content-Type': 'text/html' });
    reply.end('<h1>502 Bad Gateway</h1>');
  }

  #tryOne(
    port: number,
    { method, url, headers }: http.IncomingMessage,
    body: Buffer,
    reply: http.ServerResponse,
  ): Promise<'answered' | 'refused' | 'broken'> {
    return new Promise((resolve) => {
      const passed = http.request({ host: '127.0.0.1', port, method, path: url, headers, agent: false });
      const hangUp = () => passed.destroy();
      reply.on('close', hangUp);
      passed.on('response', (answer) => {
        if (method === 'POST' && this.#losesOneIn > 0 && ++this.#publishes % this.#losesOneIn === 0) {
          passed.destroy();
          resolve('broken');
          return;
        }
        const { connection: _connection, ...rest } = answer.headers;
        reply.writeHead(answer.statusCode ?? 502, rest);
        answer.pipe(reply);
        answer.on('error', () => reply.destroy());
        resolve('answered');
      });
      passed.on('error', (error: NodeJS.ErrnoException) => {
        reply.off('close', hangUp);
        if (reply.destroyed) resolve('answered');
        else resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'broken');
      });
      passed.end(body);
    });
  }
}
