import { refusalInStream, streamPages } from './api.js';
import type { Cursor } from './cursor.js';
import type { RequestError } from './errors.js';
import type { EventPage } from './event-page.js';
import type { LineRequest } from './line-request.js';
import type { Server } from './options.js';

/** The first line of a stream comes within this time, milliseconds; else something on the way holds it back. */
const FIRST_LINE_MS = 3_000;
/** How long what has come takes to be read, milliseconds. */
const READ_MS = 100;
/** A server that was not heard of for so many of its heartbeats is not there, or something on the way holds it back. */
const MISSED_HEARTBEATS = 2;

/** Why a stream has ended. */
export type StreamEnd =
  /** The server has ended it, as it may at any time. */
  | { readonly kind: 'over' }
  /** It has failed, or begins with an error. */
  | { readonly kind: 'failed'; readonly error: RequestError }
  /** Nothing came for too long. */
  | { readonly kind: 'silent' };

export interface StreamConnectionListener {
  /** The first line has come: it is no proxy that holds everything back. */
  opened(): void;
  page(channel: string, page: EventPage): void;
  refused(channel: string, error: RequestError): void;
  /** Once, unless it is closed before. */
  ended(end: StreamEnd): void;
}

/** One stream of the pages of some channels, from its request to its end. */
export class StreamConnection {
  /** When it began, on the clock of `performance.now()`. */
  readonly startedAt = performance.now();
  readonly #server: Server;
  readonly #channels: readonly string[];
  readonly #listener: StreamConnectionListener;
  readonly #lines: LineRequest;
  #heardAt = performance.now();
  #isOpen = false;
  #isPaused = false;
  #timer: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;

  constructor(
    server: Server,
    clientId: string,
    cursors: readonly Cursor[],
    listener: StreamConnectionListener,
  ) {
    this.#server = server;
    this.#channels = cursors.map(({ channel }) => channel);
    this.#listener = listener;
    this.#timer = setTimeout(() => this.#lookAgain(), FIRST_LINE_MS);
    this.#lines = streamPages(
      server,
      { clientId, cursors },
      {
        line: (line) => {
          this.#heardAt = performance.now();
          if (line.kind === 'heartbeat') this.#opened(line.heartbeatMs);
          else if (line.kind === 'page') listener.page(line.channel, line.page);
          else this.#refused(line.cursor, line.error);
        },
        ended: (error) => this.#end(error === undefined ? { kind: 'over' } : { kind: 'failed', error }),
      },
    );
  }

  /** Whether its first line has come. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  pause(): void {
    this.#isPaused = true;
    this.#lines.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heardAt = performance.now();
    this.#lines.resume();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    this.#lines.close();
  }

  #opened(heartbeatMs: number): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    clearTimeout(this.#timer);
    const longestMs = heartbeatMs * MISSED_HEARTBEATS;
    this.#timer = setInterval(() => {
      const isSilent = !this.#isPaused && performance.now() - this.#heardAt > longestMs;
      if (isSilent) this.#lookAgain();
    }, heartbeatMs / 2);
    this.#listener.opened();
  }

  /** A process that was busy for so long has not read yet what came meanwhile: it is given a moment for that. */
  #lookAgain(): void {
    const heardAt = this.#heardAt;
    this.#again = setTimeout(() => {
      if (this.#heardAt === heardAt) this.#end({ kind: 'silent' });
    }, READ_MS);
  }

  #refused(cursor: number, error: { code: string; message: string }): void {
    const channel = this.#channels[cursor];
    if (channel !== undefined) this.#listener.refused(channel, refusalInStream(this.#server, error));
  }

  #end(end: StreamEnd): void {
    this.close();
    this.#listener.ended(end);
  }
}
