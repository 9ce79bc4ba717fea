import http from 'node:http';
import https from 'node:https';
import { INSTANCE_HEADER } from '@ganomede/events-protocol';
import { parseRetryAfter } from './backoff.js';
import type { SecretPlace } from './credentials.js';
import { isSuccess, MAX_ERROR_BODY_BYTES, mayBeProcessed, RequestError } from './errors.js';
import type { Server } from './options.js';

/** The largest reply that is read, in bytes. A hundred events of the largest size that a server takes by default fit. */
const MAX_REPLY_BYTES = 256 * 1024 * 1024;

interface RequestBase {
  /** Path of the URL, encoded, without a query. */
  readonly path: string;
  /** The whole exchange may take this long, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the exchange at once; it then fails with the code `Closed`. */
  readonly signal: AbortSignal | undefined;
}

/** What has no body; it may be repeated freely. */
export interface GetRequest extends RequestBase {
  readonly method: 'GET' | 'DELETE';
  readonly query?: URLSearchParams;
}

/** A write; the server does the same for a repetition as for the first. `body` is JSON text. */
export interface PostRequest extends RequestBase {
  readonly method: 'POST' | 'PUT';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Takes something away; a repetition may find that it is gone. */
export interface DeleteRequest extends RequestBase {
  readonly method: 'DELETE';
  readonly query: URLSearchParams;
}

export type HttpRequest = GetRequest | PostRequest | DeleteRequest;

/** A complete reply, or the beginning of one that is an error and too long to be kept. */
export interface Reply {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

/** How an exchange ended. `stale`: on a connection that had died while it was idle. */
export type Outcome = { readonly reply: Reply } | { readonly failure: RequestError; readonly stale: boolean };

/** What messages about a request begin with: no query, since it says who reads what, and no secret. */
export function labelOf(
  { protocol, hostname, port }: Server,
  { method, path }: Pick<HttpRequest, 'method' | 'path'>,
): string {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return `${method} ${protocol}//${host}:${port}${path}`;
}

/** Sends a request once. Never rejects; settles once the connection is closed or back with its agent. */
export function exchange(server: Server, request: HttpRequest, place: SecretPlace): Promise<Outcome> {
  return new Promise((resolve) => new Exchange(server, request, place, resolve).begin());
}

/** One request on its way, and what has come of it so far. What ends it first decides its outcome. */
class Exchange {
  readonly #server: Server;
  readonly #message: HttpRequest;
  readonly #place: SecretPlace;
  readonly #settled: (outcome: Outcome) => void;
  #timer: NodeJS.Timeout | undefined;
  #request: http.ClientRequest | undefined;
  #response: http.IncomingMessage | undefined;
  readonly #body = new ReplyBody();
  /**
   * The last byte of the request was given to the operating system. Before that the server cannot have all of it, and so
   * cannot have carried it out.
   */
  #handedOver = false;
  #outcome: Outcome | undefined;
  /** The reply had begun when the connection broke. */
  #isCut = false;

  constructor(server: Server, message: HttpRequest, place: SecretPlace, settled: (outcome: Outcome) => void) {
    this.#server = server;
    this.#message = message;
    this.#place = place;
    this.#settled = settled;
  }

  begin(): void {
    const { signal, timeoutMs } = this.#message;
    if (signal?.aborted) this.#fail('the client is closed', 'Closed');
    else this.#send();
    if (this.#request === undefined) {
      this.#settle();
    } else {
      this.#timer = setTimeout(() => this.#timedOut(), timeoutMs);
      signal?.addEventListener('abort', this.#aborted);
      this.#watch(this.#request);
    }
  }

  #send(): void {
    try {
      this.#request = send(this.#server, this.#message, this.#place);
    } catch (cause) {
      this.#failBy(cause);
    }
  }

  #watch(request: http.ClientRequest): void {
    request.on('finish', () => {
      this.#handedOver = true;
    });
    request.on('response', (response) => this.#replyBegins(response));
    request.on('error', (cause) => {
      // A connection that breaks before any reply on its second or later use was most likely dead before.
      this.#failBy(cause, this.#response === undefined && request.reusedSocket && isReset(cause));
    });
    request.on('close', () => this.#settle());
  }

  #replyBegins(response: http.IncomingMessage): void {
    this.#response = response;
    response.on('data', (chunk: Buffer) => {
      this.#body.add(chunk);
      this.#limitBody(response);
    });
    response.on('end', () => {
      this.#complete(response);
      // A server that refuses early may never read the rest of the request, and the connection would wait for that.
      if (!this.#handedOver) this.#end();
    });
    response.on('error', (cause) => this.#failBy(cause));
  }

  #limitBody(response: http.IncomingMessage): void {
    if (!isSuccess(response.statusCode) && this.#body.size >= MAX_ERROR_BODY_BYTES) {
      // Enough to say what came; the rest is not worth reading.
      this.#complete(response);
      this.#end();
    } else if (this.#body.size > MAX_REPLY_BYTES) {
      const problem = `the reply is larger than ${MAX_REPLY_BYTES} bytes; a lower limit makes it smaller`;
      this.#fail(problem, 'InvalidReply');
      this.#end();
    }
  }

  readonly #aborted = () => {
    this.#fail('the client was closed', 'Closed');
    this.#end();
  };

  #timedOut(): void {
    this.#fail(`no complete reply within ${this.#message.timeoutMs} ms`, 'Timeout');
    this.#end();
  }

  #complete(response: http.IncomingMessage): void {
    // A server that refuses early may reset the connection behind its answer, which says more than the reset. A reply that
    // is no refusal may have been cut off by it.
    const isRefusal = !isSuccess(response.statusCode);
    if (this.#outcome !== undefined && !(isRefusal && this.#isCut)) return;
    this.#outcome = {
      reply: {
        statusCode: response.statusCode ?? 0,
        headers: response.headers,
        retryAfterMs: retryAfterOf(response),
        body: this.#body.whole(),
      },
    };
  }

  #failBy(cause: unknown, stale = false): void {
    // Once a reply has begun, every way in which the connection ends means the same.
    const isCut = this.#response !== undefined && (isReset(cause) || codeOf(cause) === 'ConnectionFailed');
    if (isCut) {
      this.#isCut ||= this.#outcome === undefined;
      this.#fail('the reply was cut off', 'ReplyCut', { cause });
    } else this.#fail(messageOf(cause), codeOf(cause), { cause, stale });
  }

  #fail(problem: string, code: string, { cause, stale = false }: { cause?: unknown; stale?: boolean } = {}) {
    if (this.#outcome !== undefined) return;
    const statusCode = this.#response?.statusCode;
    const failure = new RequestError(`${labelOf(this.#server, this.#message)}: ${problem}`, {
      code,
      statusCode,
      body: this.#hidden(this.#response === undefined ? rawOf(cause) : this.#body.beginning()),
      maybeProcessed: this.#handedOver && (statusCode === undefined || mayBeProcessed(statusCode)),
      retryAfterMs: retryAfterOf(this.#response),
      cause,
    });
    this.#outcome = { failure, stale };
  }

  #hidden(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.#server.credentials.hiddenIn(text);
  }

  /** Gives up the connection. */
  #end(): void {
    this.#request?.destroy();
    // While a request queues in its agent for a connection, it is destroyed without a word: no 'close' would come
    // before its turn. One that is about to get its connection has it by then.
    setImmediate(() => {
      if (!this.#request?.socket) this.#settle();
    });
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#message.signal?.removeEventListener('abort', this.#aborted);
    if (this.#outcome === undefined) this.#failBy(new Error('the connection was closed'));
    this.#settled(this.#outcome as unknown as Outcome);
  }
}

/** Begins a request. @throws what its agent throws */
export function send(
  server: Server,
  message: HttpRequest,
  place: SecretPlace = server.credentials.place,
): http.ClientRequest {
  const client = server.protocol === 'https:' ? https : http;
  const body = 'body' in message ? server.credentials.body(place, message.body) : undefined;
  const request = client.request(optionsOf(server, message, body, place));
  request.end(body);
  return request;
}

/** What Node.js is to be told of a request. */
function optionsOf(
  server: Server,
  message: HttpRequest,
  body: string | undefined,
  place: SecretPlace,
): http.RequestOptions {
  const query = 'body' in message ? '' : server.credentials.query(place, message.query);
  return {
    protocol: server.protocol,
    hostname: server.hostname,
    port: server.port,
    path: query === '' ? message.path : `${message.path}?${query}`,
    method: message.method,
    agent: server.agent,
    headers: {
      Accept: 'application/json',
      ...server.credentials.headers(place),
      ...(server.instance !== undefined && { [INSTANCE_HEADER]: server.instance }),
      ...(body !== undefined && {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      }),
      ...(message.method === 'POST' && message.headers),
    },
  };
}

/** What has come of a reply's body. */
class ReplyBody {
  readonly #chunks: Buffer[] = [];
  /** In bytes. */
  size = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.size += chunk.length;
  }

  whole(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** As much as an error keeps. */
  beginning(): string {
    return beginningOf(this.#chunks);
  }
}

/** The server's `Retry-After`, in milliseconds from now; undefined if there is none. */
export function retryAfterOf(response: http.IncomingMessage | undefined): number | undefined {
  return parseRetryAfter(response?.headers['retry-after'], Date.now());
}

export function isReset(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

export function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'ConnectionFailed';
}

export function messageOf(cause: unknown): string {
  // A host with several addresses fails with one error for each of them, and no message of its own.
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}

/** What came instead of HTTP: the parser keeps it with its error. */
function rawOf(cause: unknown): string | undefined {
  const raw = cause instanceof Error && 'rawPacket' in cause ? cause.rawPacket : undefined;
  return Buffer.isBuffer(raw) ? beginningOf([raw]) : undefined;
}

/** As much as an error keeps. */
function beginningOf(chunks: readonly Buffer[]): string {
  let size = 0;
  const first: Buffer[] = [];
  for (const chunk of chunks) {
    if (size >= MAX_ERROR_BODY_BYTES) break;
    first.push(chunk.subarray(0, MAX_ERROR_BODY_BYTES - size));
    size += chunk.length;
  }
  return Buffer.concat(first).toString('utf8');
}
