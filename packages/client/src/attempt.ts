import http from 'node:http';
import https from 'node:https';
import { parseRetryAfter } from './backoff.js';
import { MAX_ERROR_BODY_BYTES, mayBeProcessed, RequestError } from './errors.js';
import type { ResolvedOptions } from './options.js';

/** The largest reply that is read, in bytes. A hundred events of the largest size that a server takes by default fit. */
const MAX_REPLY_BYTES = 256 * 1024 * 1024;

/** Where requests go to, and as whom. */
export type HttpTarget = Pick<ResolvedOptions, 'protocol' | 'hostname' | 'port' | 'agent' | 'secret'>;

interface CallBase {
  /** Path of the URL, encoded, without a query. */
  readonly path: string;
  /** The whole exchange may take this long, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the request at once; it then fails with the code `Closed`. */
  readonly signal: AbortSignal;
}

/** A read; it may be repeated freely. */
export interface GetCall extends CallBase {
  readonly method: 'GET';
  readonly query?: URLSearchParams;
}

/** A write; the server does the same for a repetition as for the first. `body` is JSON text. */
export interface PostCall extends CallBase {
  readonly method: 'POST';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Call = GetCall | PostCall;

/** A complete reply, or the beginning of one that is an error and too long to be kept. */
export interface Reply {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

/** How one attempt ended. `stale`: on a connection that had died while it was idle. */
export type Outcome = { readonly reply: Reply } | { readonly failure: RequestError; readonly stale: boolean };

/** What messages about a request begin with: no query, since it says who reads what, and no secret. */
export function labelOf({ protocol, hostname, port }: HttpTarget, { method, path }: Call): string {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return `${method} ${protocol}//${host}:${port}${path}`;
}

/** Sends a request once. Never rejects; settles once the connection is closed or back with its agent. */
export function attempt(target: HttpTarget, call: Call): Promise<Outcome> {
  const { signal } = call;
  const where = labelOf(target, call);
  return new Promise((resolve) => {
    let request: http.ClientRequest;
    let response: http.IncomingMessage | undefined;
    let failure: RequestError | undefined;
    let reply: Reply | undefined;
    let stale = false;
    // The last byte of the request was given to the operating system. Before that the server cannot have all of it, and
    // so cannot have carried it out.
    let handedOver = false;
    const chunks: Buffer[] = [];
    let size = 0;

    const fail = (problem: string, code: string, cause?: unknown) => {
      if (reply !== undefined) return;
      const statusCode = response?.statusCode;
      failure ??= new RequestError(`${where}: ${problem}`, {
        code,
        statusCode,
        body: response === undefined ? rawOf(cause) : textOf(chunks),
        maybeProcessed: handedOver && (statusCode === undefined || mayBeProcessed(statusCode)),
        retryAfterMs: retryAfterOf(response),
        cause,
      });
    };
    const failedBy = (cause: unknown) => {
      // Once a reply has begun, every way in which the connection ends means the same.
      const isCut = response !== undefined && (isReset(cause) || codeOf(cause) === 'ConnectionFailed');
      if (isCut) fail('the reply was cut off', 'ReplyCut', cause);
      else fail(messageOf(cause), codeOf(cause), cause);
    };
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (reply === undefined) failedBy(new Error('the connection was closed'));
      resolve(reply === undefined ? { failure: failure as RequestError, stale } : { reply });
    };
    const end = () => {
      request.destroy();
      // While a request queues in its agent for a connection, it is destroyed without a word: no 'close' would come
      // before its turn. One that is about to get its connection has it by then.
      setImmediate(() => {
        if (!request.socket) settle();
      });
    };
    const onAbort = () => {
      fail('the client was closed', 'Closed');
      end();
    };
    const timer = setTimeout(() => {
      fail(`no complete reply within ${call.timeoutMs} ms`, 'Timeout');
      end();
    }, call.timeoutMs);

    if (signal.aborted) {
      fail('the client is closed', 'Closed');
      return settle();
    }
    try {
      request = send(target, call);
    } catch (cause) {
      failedBy(cause);
      return settle();
    }
    signal.addEventListener('abort', onAbort);

    request.on('finish', () => {
      handedOver = true;
    });
    request.on('close', settle);
    request.on('error', (cause) => {
      // A connection that breaks before any reply on its second or later use was most likely dead before.
      stale = failure === undefined && response === undefined && request.reusedSocket && isReset(cause);
      failedBy(cause);
    });
    request.on('response', (received) => {
      response = received;
      const ok = received.statusCode === 200;
      const complete = () => {
        reply = {
          statusCode: received.statusCode ?? 0,
          headers: received.headers,
          retryAfterMs: retryAfterOf(received),
          body: Buffer.concat(chunks),
        };
      };
      received.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (!ok && size >= MAX_ERROR_BODY_BYTES) {
          // Enough to say what came; the rest is not worth reading.
          complete();
          end();
        } else if (size > MAX_REPLY_BYTES) {
          fail(
            `the reply is larger than ${MAX_REPLY_BYTES} bytes; a lower limit makes it smaller`,
            'InvalidReply',
          );
          end();
        }
      });
      received.on('end', () => {
        complete();
        // A server that refuses early may never read the rest of the request, and the connection would wait for that.
        if (!handedOver) end();
      });
      received.on('error', failedBy);
    });
  });
}

function send(target: HttpTarget, call: Call): http.ClientRequest {
  const client = target.protocol === 'https:' ? https : http;
  const body = call.method === 'POST' ? Buffer.from(call.body) : undefined;
  const request = client.request({
    protocol: target.protocol,
    hostname: target.hostname,
    port: target.port,
    path: call.method === 'GET' && call.query ? `${call.path}?${call.query}` : call.path,
    method: call.method,
    agent: target.agent,
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${target.secret}`,
      ...(body && { 'Content-Type': 'application/json', 'Content-Length': body.length }),
      ...(call.method === 'POST' && call.headers),
    },
  });
  request.end(body);
  return request;
}

function retryAfterOf(response: http.IncomingMessage | undefined): number | undefined {
  return parseRetryAfter(response?.headers['retry-after'], Date.now());
}

function isReset(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'ConnectionFailed';
}

function messageOf(cause: unknown): string {
  // A host with several addresses fails with one error for each of them, and no message of its own.
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}

/** What came instead of HTTP: the parser keeps it with its error. */
function rawOf(cause: unknown): string | undefined {
  const raw = cause instanceof Error && 'rawPacket' in cause ? cause.rawPacket : undefined;
  return Buffer.isBuffer(raw) ? textOf([raw]) : undefined;
}

function textOf(chunks: readonly Buffer[]): string {
  let size = 0;
  const first: Buffer[] = [];
  for (const chunk of chunks) {
    if (size >= MAX_ERROR_BODY_BYTES) break;
    first.push(chunk.subarray(0, MAX_ERROR_BODY_BYTES - size));
    size += chunk.length;
  }
  return Buffer.concat(first).toString('utf8');
}
