import type { Event } from '@ganomede/events-protocol';
import { type Backoff, sleep } from './backoff.js';
import type { Cursor } from './cursor.js';
import { isTemporary, RequestError } from './errors.js';

/** An empty reply that takes less than this many milliseconds did not wait for an event. */
const HASTY_MS = 50;

/** What a poller needs from its client. */
export interface PollerHost {
  /** The client was closed: nothing is to be emitted any more. */
  readonly closed: boolean;
  /** Whether the channel has handlers (and the client is open). */
  isListening(channel: string): boolean;
  /** Reads behind the cursor, waiting for the next event. Ascending ids, all of them behind `cursor.after`. */
  read(cursor: Cursor): Promise<readonly Event[]>;
  /** Emits; where a handler threw, what is returned resolves once the error has surfaced. */
  emitSafely(name: string, ...args: unknown[]): Promise<void> | undefined;
  /** The poller begins to run. */
  started(): void;
  /** The poller has stopped; no request of it is left. */
  stopped(): void;
}

/** The back-offs of one poller. */
export interface PollerBackoffs {
  /** After failed requests. */
  readonly failed: Backoff;
  /** After empty replies that came at once, from a server that does not wait. */
  readonly hasty: Backoff;
}

/**
 * Reads one channel for as long as it has handlers, one request at a time, and remembers how far it came.
 *
 * The cursor is behind the last event that was emitted, and moves with each of them. Whatever happens to the rest of a
 * reply (no handler is left, the client is closed), the next request brings it again.
 */
export class Poller {
  readonly #host: PollerHost;
  readonly #backoffs: PollerBackoffs;
  #cursor: Cursor;
  #running = false;
  /** No request begins before this, on the clock of `performance.now()`; outlives the handlers. */
  #notBefore = 0;
  #pause = new AbortController();

  constructor(host: PollerHost, cursor: Cursor, backoffs: PollerBackoffs) {
    this.#host = host;
    this.#cursor = cursor;
    this.#backoffs = backoffs;
  }

  /** To be called after a handler was added or removed. */
  handlersChanged(): void {
    if (!this.#isListening()) {
      this.#pause.abort();
    } else if (!this.#running) {
      this.#running = true;
      this.#host.started();
      void this.#run();
    }
  }

  #isListening(): boolean {
    return this.#host.isListening(this.#cursor.channel);
  }

  async #run(): Promise<void> {
    // Handlers that are added and removed in the same tick make no request.
    await undefined;
    // Nothing may be awaited between the last look at the handlers and `#running = false`: one that is added in between
    // would find a poller that seems to run.
    while (this.#isListening()) {
      const pauseMs = this.#notBefore - performance.now();
      if (pauseMs > 0) {
        this.#pause = new AbortController();
        await sleep(pauseMs, this.#pause.signal);
      } else {
        await this.#cycle();
      }
    }
    this.#running = false;
    this.#host.stopped();
  }

  async #cycle(): Promise<void> {
    const finished = this.#cursor;
    const startedAt = performance.now();
    let events: readonly Event[];
    try {
      events = await this.#host.read(finished);
    } catch (error) {
      return this.#failed(error, finished);
    }
    this.#backoffs.failed.reset();
    const now = performance.now();
    if (events.length > 0 || now - startedAt >= HASTY_MS) this.#backoffs.hasty.reset();
    else this.#notBefore = now + this.#backoffs.hasty.next();

    for (const event of events) {
      if (!this.#isListening()) break;
      // Before it is emitted: handlers that throw have seen it all the same.
      this.#cursor = this.#cursor.advance([event]);
      const surfaced = this.#host.emitSafely(finished.channel, event, finished.channel);
      if (surfaced) await surfaced;
    }
    await this.#emitCycle(finished);
  }

  async #failed(error: unknown, finished: Cursor): Promise<void> {
    if (this.#host.closed) return;
    const status = error instanceof RequestError ? error.statusCode : undefined;
    const slow = status !== undefined && !isTemporary(status);
    const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : undefined;
    this.#notBefore = performance.now() + this.#backoffs.failed.next({ retryAfterMs, slow });
    // Nobody is waiting for what a request brings that outlived the last handler; an error that nobody handles would end
    // the process.
    if (this.#isListening()) await this.#host.emitSafely('error', error, finished.channel);
    await this.#emitCycle(finished);
  }

  async #emitCycle(finished: Cursor): Promise<void> {
    if (this.#host.closed) return;
    await this.#host.emitSafely('cycle', { finished, next: this.#cursor }, finished.channel);
  }
}
