import { sleep } from './backoff.js';
import { Cursor } from './cursor.js';
import type { EventPage } from './event-page.js';
import { LossDetector } from './lost-events.js';
import { isRefusal, type Pace } from './pace.js';
import type { Event } from './wire-types.js';

/** Options of `client.stream`. */
export interface StreamOptions {
  /**
   * Begin behind this id, and save it as the cursor of this client id. Default: go on behind the saved cursor; 0 begins
   * with the first event.
   */
  after?: number | undefined;
  /**
   * Where to begin if the server has saved no cursor for this client id: with the first event, behind the newest one, or with the
   * first one of this time (a `Date`, milliseconds since the Unix epoch, or ISO 8601) or a later one. Default: the client's
   * `start`. Not together with `after`.
   */
  start?: 'first' | 'new' | number | string | Date | undefined;
  /** The most events that it is given at a time; about as many more may be waiting for it. Default: the client's `limit`. */
  limit?: number | undefined;
  /** Ends the stream when it aborts: the loop is over when it comes back for the next event. */
  signal?: AbortSignal | undefined;
}

/** What a stream needs from its client. */
export interface StreamHost {
  /** The stream begins to read. @throws if it must not */
  opened(stream: EventStream<unknown>): void;
  /** The stream has ended at this cursor. */
  ended(stream: EventStream<unknown>, cursor: Cursor): void;
  /** Requests begin, and are over. */
  busy(): void;
  idle(): void;
  /** Reads behind the cursor, waiting for the next event until `signal` aborts. */
  read(cursor: Cursor, signal: AbortSignal): Promise<EventPage>;
  /** Tells the server the cursor, if that is possible in a bounded time. Never rejects. */
  acknowledge(cursor: Cursor): Promise<void>;
  /** Resolves once the server knows what it was to be told, if that is possible in a bounded time. Never rejects. */
  acknowledged(): Promise<void>;
  /** Emits an error; false if nobody handles errors. */
  report(error: unknown, channel: string): boolean;
}

const DONE = { done: true, value: undefined } as const;

/**
 * The events of a channel, one after the other, for one `for await` loop.
 *
 * An event is finished when the loop comes back for the next one; only then may the server learn that it was read. So
 * it is given one page at a time: asking for the next one acknowledges everything before it, and happens when the loop
 * has finished all of it.
 */
export interface EventStream<E> extends AsyncIterableIterator<E>, AsyncDisposable {
  readonly channel: string;
  [Symbol.asyncIterator](): this;
  /** The next event; the one before counts as finished from now on. */
  next(): Promise<IteratorResult<E, undefined>>;
  /** Ends the stream; an event that the loop has not come back from is not finished. */
  return(): Promise<IteratorResult<E, undefined>>;
  /**
   * Ends the stream from outside. Resolves once the server knows what was finished by now, without waiting for the loop;
   * an event that it is busy with is acknowledged when it comes back.
   */
  close(): Promise<void>;
  /** The same as `return`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The stream of a client, which does the requests and keeps other readers of the channel away. */
export class ChannelStream<E> implements EventStream<E> {
  readonly channel: string;
  readonly #host: StreamHost;
  readonly #pace: Pace;
  readonly #losses = new LossDetector();
  readonly #end = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #stop = () => this.#end.abort();
  /** Behind the last event that the loop has finished. */
  #cursor: Cursor;
  /** The `after` that the server was told last. */
  #acknowledged: number | undefined;
  #page: Event[] = [];
  /** The epoch of what is in the page. */
  #epoch: string | undefined;
  /** The event that the loop is busy with. */
  #held: Event | undefined;
  #state: 'new' | 'open' | 'ended' = 'new';
  /** The last of the calls that run one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(host: StreamHost, cursor: Cursor, pace: Pace, signal: AbortSignal | undefined) {
    this.channel = cursor.channel;
    this.#host = host;
    this.#cursor = cursor;
    this.#acknowledged = cursor.after;
    this.#epoch = cursor.epoch;
    this.#pace = pace;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<E, undefined>> {
    return this.#inTurn(async () => {
      if (this.#held) this.#cursor = this.#at(this.#held.id);
      this.#held = undefined;
      try {
        return (await this.#next()) as IteratorResult<E, undefined>;
      } catch (error) {
        await this.#conclude();
        throw error;
      }
    });
  }

  return(): Promise<IteratorResult<E, undefined>> {
    this.#end.abort();
    return this.#inTurn(async () => {
      this.#held = undefined;
      await this.#conclude();
      return DONE;
    });
  }

  close(): Promise<void> {
    this.#end.abort();
    return this.#inTurn(() => this.#conclude());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #next(): Promise<IteratorResult<Event, undefined>> {
    if (this.#state === 'new') this.#open();
    for (;;) {
      if (this.#end.signal.aborted) {
        await this.#conclude();
        return DONE;
      }
      this.#held = this.#page.shift();
      if (this.#held) return { done: false, value: this.#held };
      this.#host.busy();
      try {
        await this.#fill();
      } finally {
        this.#host.idle();
      }
    }
  }

  #open(): void {
    if (this.#signal?.aborted) this.#end.abort();
    if (this.#end.signal.aborted) return;
    this.#host.opened(this);
    this.#state = 'open';
    this.#signal?.addEventListener('abort', this.#stop);
  }

  /** Waits for events, or for the end. @throws what the stream cannot go on after */
  async #fill(): Promise<void> {
    const { signal } = this.#end;
    const { pauseMs } = this.#pace;
    if (pauseMs > 0) return sleep(pauseMs, signal);
    const startedAt = performance.now();
    const { after } = this.#cursor;
    let page: EventPage;
    try {
      page = await this.#host.read(this.#cursor, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#pace.failed(error);
      if (isRefusal(error)) throw error;
      this.#host.report(error, this.channel);
      return;
    }
    this.#acknowledged = after;
    this.#pace.succeeded(startedAt, page.events.length);
    const loss = this.#losses.lossOf(after, page);
    this.#epoch = page.epoch;
    if (page.rewind) {
      this.#cursor = this.#at(page.rewind.to);
      this.#acknowledged = this.#cursor.after;
    }
    if (loss && !this.#host.report(loss, this.channel)) {
      // Said once: the next stream goes on with what there is.
      const { firstId, lastId } = page.bounds ?? { firstId: 0, lastId: 0 };
      if (!page.rewind) this.#cursor = this.#at(firstId > 0 ? firstId - 1 : lastId);
      throw loss;
    }
    this.#page = [...page.events];
  }

  /** Ends the stream and tells the server what is finished; again if the loop comes back after that. */
  async #conclude(): Promise<void> {
    this.#end.abort();
    this.#page = [];
    this.#signal?.removeEventListener('abort', this.#stop);
    if (this.#state === 'new') return;
    const cursor = this.#cursor;
    const isKnown = cursor.after === this.#acknowledged;
    this.#acknowledged = cursor.after;
    this.#host.busy();
    try {
      if (!isKnown) await this.#host.acknowledge(cursor);
      await this.#host.acknowledged();
    } finally {
      this.#host.idle();
    }
    if (this.#state === 'open') this.#host.ended(this, cursor);
    this.#state = 'ended';
  }

  #at(after: number): Cursor {
    return new Cursor(this.#cursor.channel, { after, limit: this.#cursor.limit, epoch: this.#epoch });
  }
}
