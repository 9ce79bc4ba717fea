import { sleep } from './backoff.js';
import { Cursor } from './cursor.js';
import type { EventPage } from './event-page.js';
import { LossDetector } from './lost-events.js';
import type { Pace } from './pace.js';

/** What a poller needs from its client. */
export interface PollerHost {
  /** The client was closed: nothing is to be emitted any more. */
  readonly closed: boolean;
  /** Whether the channel has handlers (and the client is open). */
  isListening(channel: string): boolean;
  /** Reads behind the cursor, waiting for the next event. */
  read(cursor: Cursor): Promise<EventPage>;
  /** Emits; if a handler threw, what is returned resolves once the error has surfaced. */
  emitSafely(name: string, ...args: unknown[]): Promise<void> | undefined;
  /** The poller begins to run. */
  started(): void;
  /** The poller has stopped; no request of it is left. */
  stopped(): void;
}

/**
 * Reads one channel for as long as it has handlers, a page at a time, and remembers how far it came.
 *
 * The cursor is behind the last event that was emitted, and moves with each of them. Whatever happens to the rest of a
 * reply (no handler is left, the client is closed), the next request brings it again.
 */
export class Poller {
  readonly #host: PollerHost;
  readonly #pace: Pace;
  readonly #losses = new LossDetector();
  #cursor: Cursor;
  /** The `after` that the server was told, or is about to be. */
  #acknowledged: number | undefined;
  #run: Promise<void> | undefined;
  #pause = new AbortController();

  constructor(host: PollerHost, cursor: Cursor, pace: Pace) {
    this.#host = host;
    this.#cursor = cursor;
    this.#pace = pace;
  }

  /** Behind the last event that was emitted. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Somebody else has read the channel up to there, and said so to the server. Only while nothing listens. */
  moveTo(cursor: Cursor): void {
    this.#cursor = this.#at(cursor.after, cursor.epoch);
    this.#acknowledged = cursor.after;
  }

  /** To be called after a handler was added or removed. */
  handlersChanged(): void {
    if (!this.#isListening()) {
      this.#pause.abort();
    } else if (!this.#run) {
      this.#host.started();
      this.#run = this.#poll();
    }
  }

  /** Resolves once no request is left, with the cursor if the server may not know it yet. */
  async unacknowledged(): Promise<Cursor | undefined> {
    await this.#run;
    return this.#cursor.after === this.#acknowledged ? undefined : this.#cursor;
  }

  #isListening(): boolean {
    return this.#host.isListening(this.#cursor.channel);
  }

  #at(after: number | undefined, epoch: string | undefined): Cursor {
    const { channel, limit, start } = this.#cursor;
    return new Cursor(channel, { after, limit, epoch, start });
  }

  async #poll(): Promise<void> {
    // Handlers that are added and removed in the same tick make no request.
    await undefined;
    // Nothing may be awaited between the last look at the handlers and `#run = undefined`: one that is added in between
    // would find a poller that seems to run.
    while (this.#isListening()) {
      const { pauseMs } = this.#pace;
      if (pauseMs > 0) {
        this.#pause = new AbortController();
        await sleep(pauseMs, this.#pause.signal);
      } else {
        await this.#cycle();
      }
    }
    this.#run = undefined;
    this.#host.stopped();
  }

  async #cycle(): Promise<void> {
    const finished = this.#cursor;
    const startedAt = performance.now();
    let page: EventPage;
    try {
      page = await this.#host.read(finished);
    } catch (error) {
      return this.#failed(error, finished);
    }
    this.#acknowledged = finished.after;
    this.#pace.succeeded(startedAt, page.events.length);

    // What comes when nobody listens any more is discarded, losses too: the next reply shows them again.
    if (this.#isListening()) await this.#reportLoss(page, finished);
    for (const event of page.events) {
      if (!this.#isListening()) break;
      // Before it is emitted: handlers that throw have seen it all the same.
      this.#cursor = this.#at(event.id, page.epoch);
      const surfaced = this.#host.emitSafely(finished.channel, event, finished.channel);
      if (surfaced) await surfaced;
    }
    await this.#emitCycle(finished);
  }

  async #reportLoss(page: EventPage, { channel, after }: Cursor): Promise<void> {
    const loss = this.#losses.lossOf(after, page);
    if (page.rewind) this.#cursor = this.#at(page.rewind.to, page.epoch);
    if (loss) await this.#host.emitSafely('error', loss, channel);
  }

  async #failed(error: unknown, finished: Cursor): Promise<void> {
    if (this.#host.closed) return;
    this.#pace.failed(error);
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
