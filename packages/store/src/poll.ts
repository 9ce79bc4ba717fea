import { type ChannelAddress, EventsError } from '@ganomede/events-protocol';
import { EventBatch } from './event-batch.js';
import type { PollOptions, PollSignal, ReadCursor, StoreHooks } from './event-store.js';
import type { LiveChannel, LiveChannels } from './live-channels.js';
import type { LiveTail } from './live-tail.js';
import { Waiter } from './waiters.js';

/** What a poll needs of its store. */
export interface PollSource {
  readonly live: LiveChannels;
  readonly hooks: StoreHooks;
  /** Events after a cursor; the batch has seen everything up to its `lastId`. */
  read(cursor: ReadCursor): Promise<EventBatch>;
}

/** How long a poll that waits for a store that is away waits before it tries to read again, milliseconds. */
const RETRY_MS = 1_000;

/**
 * What the tail holds already is answered at once. Otherwise it registers first, then reads, then waits: an event that
 * comes between the read and the wait is in the tail by then, and an event that comes later wakes the wait. Rejects
 * where the first read fails; once it has begun to wait it waits on while the store is away.
 *
 * @throws what subscribing to the channel throws
 */
export function poll(
  source: PollSource,
  address: ChannelAddress,
  cursor: ReadCursor,
  options: PollOptions,
): Promise<EventBatch> {
  if (options.timeoutMs === 0) return source.read(cursor);
  const live = source.live.use(address.channel);
  const kept = live.tail.read(cursor, address.type);
  if (kept !== undefined && kept.count > 0) {
    source.live.release(live);
    return Promise.resolve(kept);
  }
  return new Promise((resolve, reject) => {
    new Poll(source, live, address.type, cursor, options, resolve, reject).start();
  });
}

/** One poll. While it waits this object is all there is of it; an async function that waits holds three times as much. */
class Poll extends Waiter {
  readonly #source: PollSource;
  readonly #live: LiveChannel;
  readonly #type: string | undefined;
  #place: ReadCursor;
  readonly #deadline: number;
  readonly #signal: PollSignal | undefined;
  readonly #resolve: (batch: EventBatch) => void;
  readonly #reject: (error: unknown) => void;
  /** What the last read has found: nothing. */
  #empty: EventBatch | undefined;

  constructor(
    source: PollSource,
    live: LiveChannel,
    type: string | undefined,
    cursor: ReadCursor,
    { timeoutMs, signal }: PollOptions,
    resolve: (batch: EventBatch) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#source = source;
    this.#live = live;
    this.#type = type;
    this.#place = cursor;
    this.#deadline = performance.now() + timeoutMs;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#live.ready.then(
      () => this.#lookAndWait(),
      (error: unknown) => this.#fail(error),
    );
  }

  protected override onWake(): void {
    const found = this.#ended ? this.#empty : this.#live.tail.read(this.#place, this.#type);
    // What has woken it is in the tail, in most cases.
    if (found !== undefined && (this.#ended || found.count > 0)) this.#succeed(found);
    else void this.#lookAndWait();
  }

  get #ended(): boolean {
    return this.#source.live.closed || this.#signal?.aborted === true;
  }

  /** Reads, until something is found or there is nothing to do but wait. */
  async #lookAndWait(): Promise<void> {
    const live = this.#live;
    try {
      for (;;) {
        const { resets } = live;
        let longestMs = Number.POSITIVE_INFINITY;
        try {
          const place = this.#place;
          const kept = live.tail.read(place, this.#type);
          const batch = kept ?? (await readTogether(this.#source, live, place));
          if (batch.count > 0) {
            if (kept === undefined && live.resets === resets) {
              remember(live.tail, place, this.#type, batch);
            }
            return this.#succeed(batch);
          }
          this.#empty = batch;
          // A read that a reset has overtaken may have missed what came while nothing was notified.
          if (live.resets === resets) {
            live.tail.start(batch);
            // Nothing of ours lies up to here: a typed cursor need not read it again. A cursor ahead of the store
            // goes back to where the store is.
            this.#place = { ...place, after: batch.lastId };
          }
        } catch (error) {
          if (this.#empty === undefined || !isAway(error)) throw error;
          longestMs = RETRY_MS;
        }

        const { channel } = this.#place;
        if (this.#source.hooks.beforeWait) await this.#source.hooks.beforeWait(channel);
        const remainingMs = this.#deadline - performance.now();
        if (this.#ended || remainingMs <= 0) return this.#succeed(this.#empty);
        if (live.resets !== resets || live.tail.lastId > this.#place.after) continue;
        return this.wait(live.waiters, Math.min(remainingMs, longestMs), this.#signal);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(batch: EventBatch): void {
    this.#source.live.release(this.#live);
    this.#resolve(batch);
  }

  #fail(error: unknown): void {
    if (this.#source.live.closed) {
      // Under a read that was running.
      this.#succeed(new EventBatch([], { firstId: 0, lastId: this.#place.after }));
      return;
    }
    this.#source.live.release(this.#live);
    this.#reject(error);
  }
}

/** Joins those who read the store at the same place. */
function readTogether(source: PollSource, live: LiveChannel, place: ReadCursor): Promise<EventBatch> {
  const { channel, after, limit } = place;
  return live.share(`${after} ${limit} ${channel}`, () => source.read(place));
}

/** Others may catch up behind this one. */
function remember(tail: LiveTail, place: ReadCursor, type: string | undefined, batch: EventBatch): void {
  if (!tail.started) tail.start(batch);
  if (type === undefined) tail.adopt(place, batch);
}

function isAway(error: unknown): boolean {
  return error instanceof EventsError && error.code === 'ServiceUnavailable';
}

/** What every method of a closed store rejects with. */
export function storeClosed(): EventsError {
  return new EventsError('ServiceUnavailable', 'The event store is closed');
}
