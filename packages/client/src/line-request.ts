import type http from 'node:http';
import { MAX_ERROR_BODY_BYTES, RequestError } from './errors.js';
import { codeOf, isReset, labelOf, messageOf, retryAfterOf, send } from './http-exchange.js';
import type { Server } from './options.js';
import { refusalOf } from './request.js';
import { tokenReady } from './token-ready.js';

const NEWLINE = 0x0a;
/** The longest line that is read, in bytes; a page of a server holds about 8 MiB. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
/** How long a token may take, milliseconds. */
const TOKEN_MS = 30_000;

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
  readonly #body: string;
  readonly #listener: LineListener;
  #request: http.ClientRequest | undefined;
  #response: http.IncomingMessage | undefined;
  /** The beginning of a line, or of a reply that is an error. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** What it carried. */
  #token: string | undefined;
  #hasRenewed = false;
  /** Ends the wait for a token. */
  readonly #closing = new AbortController();
  #ended = false;

  constructor(server: Server, path: string, body: string, listener: LineListener) {
    this.#server = server;
    this.#path = path;
    this.#body = body;
    this.#listener = listener;
    this.#begin();
  }

  #begin(): void {
    const message = { method: 'POST' as const, path: this.#path, timeoutMs: TOKEN_MS };
    const waiting = tokenReady(this.#server, { ...message, signal: this.#closing.signal });
    if (waiting === undefined) this.#send();
    else {
      waiting.then(
        () => this.#send(),
        (error: RequestError) => this.#end(error),
      );
    }
  }

  #send(): void {
    if (this.#ended) return;
    this.#token = this.#server.credentials.token;
    try {
      this.#request = this.#begun();
    } catch (cause) {
      queueMicrotask(() => this.#failBy(cause as Error));
    }
  }

  /** An agent may throw. */
  #begun(): http.ClientRequest {
    const message = { method: 'POST' as const, path: this.#path, body: this.#body, timeoutMs: 0 };
    const request = send(this.#server, { ...message, signal: undefined });
    // What becomes of one that was refused, and begun anew, is of no interest.
    const failBy = (cause: Error) => {
      if (this.#request === request) this.#failBy(cause);
    };
    request.on('response', (response) => this.#replyBegins(response, failBy));
    request.on('error', failBy);
    request.on('close', () => failBy(new Error('the connection was closed')));
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
    this.#closing.abort();
    this.#chunks = [];
    this.#request?.destroy();
  }

  #replyBegins(response: http.IncomingMessage, failBy: (cause: Error) => void): void {
    this.#response = response;
    this.#server.outage.over();
    const { statusCode, headers } = response;
    const isStream = statusCode === 200 && headers['content-type']?.startsWith('application/x-ndjson');
    response.on('data', isStream ? this.#readLines : this.#readRefusal);
    response.on('end', () => (isStream ? this.#end(undefined) : this.#refused(response)));
    response.on('error', failBy);
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
    const { credentials } = this.#server;
    if (statusCode === 401 && !this.#hasRenewed && credentials.renews(this.#token, headers)) {
      this.#beginAnew();
      return;
    }
    const retryAfterMs = retryAfterOf(response);
    const reply = { statusCode, headers, retryAfterMs, body: Buffer.concat(this.#chunks) };
    const message = { method: 'POST' as const, path: this.#path };
    this.#end(refusalOf(this.#server, message, reply, 'lines of application/x-ndjson'));
  }

  /** With the next token. */
  #beginAnew(): void {
    this.#hasRenewed = true;
    const refused = this.#request;
    this.#request = undefined;
    this.#response = undefined;
    this.#chunks = [];
    this.#bytes = 0;
    refused?.destroy();
    this.#begin();
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
