import type http from 'node:http';
import { MAX_ERROR_BODY_BYTES, RequestError } from './errors.js';
import { codeOf, isReset, labelOf, messageOf, retryAfterOf, send } from './http-exchange.js';
import type { Server } from './options.js';
import { refusalOf } from './request.js';

const NEWLINE = 0x0a;
/** The longest line that is read, in bytes; a page of a server holds about 8 MiB. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** What a reply of lines is told to. */
export interface LineListener {
  /** One line, as parsed JSON. */
  line(json: unknown): void;
  /** Nothing more comes: `error` says why, undefined if the reply is complete, or nobody had read the request. */
  ended(error: RequestError | undefined): void;
}

/** A `POST` whose reply goes on, in lines of JSON. It begins at once; nothing is told after `close`. */
export class LineRequest {
  readonly #server: Server;
  readonly #path: string;
  readonly #listener: LineListener;
  #request: http.ClientRequest | undefined;
  #response: http.IncomingMessage | undefined;
  /** The beginning of a line, or of a reply that is an error. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;

  constructor(server: Server, path: string, body: string, listener: LineListener) {
    this.#server = server;
    this.#path = path;
    this.#listener = listener;
    try {
      this.#request = this.#begun(body);
    } catch (cause) {
      queueMicrotask(() => this.#failBy(cause as Error));
    }
  }

  /** An agent may throw. */
  #begun(body: string): http.ClientRequest {
    const message = { method: 'POST' as const, path: this.#path, body, timeoutMs: 0, signal: undefined };
    const request = send(this.#server, message);
    request.on('response', (response) => this.#replyBegins(response));
    request.on('error', (cause) => this.#failBy(cause));
    request.on('close', () => this.#failBy(new Error('the connection was closed')));
    return request;
  }

  /** Reads on after a pause. */
  resume(): void {
    this.#response?.resume();
  }

  /** Reads no more for now; what is on its way waits with the server. */
  pause(): void {
    this.#response?.pause();
  }

  /** Ends it, since what came is not what was expected. */
  fail(problem: string, got: unknown): void {
    const text = typeof got === 'string' ? got : JSON.stringify(got);
    this.#fail(`${problem}, got ${text.slice(0, 200)}`, 'InvalidReply');
  }

  close(): void {
    this.#ended = true;
    this.#chunks = [];
    this.#request?.destroy();
  }

  #replyBegins(response: http.IncomingMessage): void {
    this.#response = response;
    this.#server.outage.over();
    const { statusCode, headers } = response;
    const isStream = statusCode === 200 && headers['content-type']?.startsWith('application/x-ndjson');
    response.on('data', isStream ? this.#readLines : this.#readRefusal);
    response.on('end', () => (isStream ? this.#end(undefined) : this.#refused(response)));
    response.on('error', (cause) => this.#failBy(cause));
  }

  readonly #readLines = (chunk: Buffer): void => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.toString('utf8', start, end);
      this.#lineEnds(
        this.#bytes === 0 ? line : Buffer.concat([...this.#chunks, chunk.subarray(start, end)]).toString(),
      );
      if (this.#ended) return;
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    if (this.#bytes > MAX_LINE_BYTES)
      this.#fail(`a line is longer than ${MAX_LINE_BYTES} bytes`, 'InvalidReply');
  };

  #lineEnds(line: string): void {
    this.#chunks = [];
    this.#bytes = 0;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      this.fail('expected a line of JSON', line);
      return;
    }
    this.#listener.line(json);
  }

  #keep(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  readonly #readRefusal = (chunk: Buffer): void => {
    this.#keep(chunk);
    if (this.#bytes >= MAX_ERROR_BODY_BYTES) this.#refused(this.#response as http.IncomingMessage);
  };

  #refused(response: http.IncomingMessage): void {
    const { statusCode = 0, headers } = response;
    const retryAfterMs = retryAfterOf(response);
    const reply = { statusCode, headers, retryAfterMs, body: Buffer.concat(this.#chunks) };
    const message = { method: 'POST' as const, path: this.#path };
    this.#end(refusalOf(this.#server, message, reply, 'lines of application/x-ndjson'));
  }

  #failBy(cause: Error): void {
    // A connection that breaks before any reply on its second or later use was most likely dead before.
    const isStale = this.#response === undefined && this.#request?.reusedSocket === true && isReset(cause);
    if (isStale) this.#end(undefined);
    else if (this.#response === undefined) this.#fail(messageOf(cause), codeOf(cause), cause);
    else this.#fail('the reply was cut off', 'ReplyCut', cause);
  }

  #fail(problem: string, code: string, cause?: unknown): void {
    const error = new RequestError(`${this.#label}: ${problem}`, {
      code,
      statusCode: this.#response?.statusCode,
      // It changes nothing.
      maybeProcessed: false,
      cause,
    });
    this.#server.outage.failed(error);
    this.#end(error);
  }

  get #label(): string {
    return labelOf(this.#server, { method: 'POST', path: this.#path });
  }

  #end(error: RequestError | undefined): void {
    if (this.#ended) return;
    this.close();
    this.#listener.ended(error);
  }
}
