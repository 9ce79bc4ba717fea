import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** One request as the server got it. */
export interface Received {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Counts connections from 1: equal for requests on the same connection. */
  readonly connection: number;
  /** When it came, on the clock of `performance.now()`. */
  readonly at: number;
  readonly response: http.ServerResponse;
  readonly socket: Socket;
}

/** How a request is answered. One that does nothing leaves it waiting, like a poll without events. */
export type Reply = (request: Received) => unknown;

/**
 * An HTTP server that answers each request with the next reply of its script, and lets requests wait where the script has
 * ended. Polls of several channels can have a script each.
 */
export class HostileServer {
  readonly requests: Received[] = [];
  /** What has no script, or whose script has ended, is answered by this. */
  answer: Reply | undefined;
  /** Whether requests for streams are answered by the script; else the server does not know them, which is not recorded. */
  knowsStreams = false;
  /** Those that requests have come on. */
  connections = 0;
  readonly #server: http.Server;
  readonly #sockets = new Map<Socket, number>();
  readonly #script: Reply[] = [];
  readonly #scripts = new Map<string, Reply[]>();
  readonly #watchers = new Set<() => void>();

  static async start(tls?: https.ServerOptions): Promise<HostileServer> {
    const server = new HostileServer(tls);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  private constructor(tls?: https.ServerOptions) {
    this.#server = tls ? https.createServer(tls) : http.createServer();
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('request', (request, response) => this.#receive(request, response));
    this.#server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.set(socket, 0);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#changed();
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Adds to the script. */
  script(...replies: Reply[]): this {
    this.#script.push(...replies);
    return this;
  }

  /** Adds to the script of the reads of one channel. */
  scriptOf(channel: string, ...replies: Reply[]): this {
    this.#scripts.set(channel, [...(this.#scripts.get(channel) ?? []), ...replies]);
    return this;
  }

  /** Resolves once the n-th request (from 1) has come, with it. */
  async request(n: number): Promise<Received> {
    await this.until(() => this.requests.length >= n);
    return this.requests[n - 1] as Received;
  }

  /** Requests for one channel. */
  requestsOf(channel: string): Received[] {
    return this.requests.filter(({ query }) => query.get('channel') === channel);
  }

  /** Resolves once the condition holds; looked at whenever a request comes or a connection ends. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Ends every connection, idle or not. */
  dropConnections(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.dropConnections();
    await once(this.#server, 'close');
  }

  #changed(): void {
    for (const look of this.#watchers) look();
  }

  async #receive(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://server');
    let body = '';
    request.setEncoding('utf8');
    request.on('error', () => {});
    for await (const chunk of request) body += chunk;
    if (url.pathname.endsWith('/streams') && !this.knowsStreams) {
      // What the script gets next is not to come on a connection that was used, unless it was before.
      if (!this.#sockets.get(request.socket)) response.setHeader('Connection', 'close');
      response.writeHead(404).end();
      return;
    }
    if (!this.#sockets.get(request.socket)) {
      this.connections += 1;
      this.#sockets.set(request.socket, this.connections);
    }
    const received: Received = {
      method: request.method ?? '',
      pathname: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
      connection: this.#sockets.get(request.socket) ?? 0,
      at: performance.now(),
      response,
      socket: request.socket,
    };
    this.requests.push(received);
    const channel = url.searchParams.get('channel') ?? '';
    const reply = (this.#scripts.get(channel) ?? this.#script).shift() ?? this.answer;
    reply?.(received);
    this.#changed();
  }
}

/** A JSON reply. */
export function json(value: unknown, status = 200, headers: http.OutgoingHttpHeaders = {}): Reply {
  return text(JSON.stringify(value), status, { 'Content-Type': 'application/json', ...headers });
}

/** Any reply. */
export function text(body: string, status = 200, headers: http.OutgoingHttpHeaders = {}): Reply {
  return ({ response }) => {
    // As this project's server refuses a secret.
    if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers });
    response.end(body);
  };
}

/** Events with these ids. */
export function events(...ids: number[]): Reply {
  return json(ids.map(eventOf));
}

/** Events with these ids, of a channel whose oldest and newest ids are these. */
export function eventsAt(firstId: number, lastId: number, ...ids: number[]): Reply {
  return json(ids.map(eventOf), 200, { 'Events-First-Id': firstId, 'Events-Last-Id': lastId });
}

/** The same of a store with epochs: the one of the answer, and how its cursor was taken back if it was. */
export function eventsOf(
  { epoch, rewound, lastId }: { epoch: string; rewound?: string; lastId: number },
  ...ids: number[]
): Reply {
  return json(ids.map(eventOf), 200, {
    'Events-First-Id': 1,
    'Events-Last-Id': lastId,
    'Events-Epoch': epoch,
    ...(rewound !== undefined && { 'Events-Rewound': rewound }),
  });
}

/** What the server stores as event `id`. */
export function eventOf(id: number) {
  return { id, timestamp: 1_429_084_002_258 + id, from: 'test', type: 'add', data: { n: id } };
}

/** The beginning of a reply whose connection then ends. */
export function cut(body: string, promised: number): Reply {
  return ({ response, socket }) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': promised });
    response.write(body, () => socket.destroySoon());
  };
}

/** Bytes that are not HTTP. */
export function raw(bytes: string): Reply {
  return ({ socket }) => socket.end(bytes);
}

/** The connection is reset without a reply. */
export const reset: Reply = ({ socket }) => socket.resetAndDestroy();

/** No reply. */
export const hang: Reply = () => {};

/** A reply that is sent when the test says so. */
export function held(reply: Reply): { reply: Reply; release: () => void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { reply: (request) => released.then(() => reply(request)), release };
}
