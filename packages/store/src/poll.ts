import { type ChannelAddress, EventsError } from '@ganomede/events-protocol';
import { EventBatch } from './event-batch.js';
import type { PollOptions, ReadCursor, StoreHooks } from './event-store.js';
import type { LiveChannel, LiveChannels } from './live-channels.js';
import type { LiveTail } from './live-tail.js';

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
 * Registers first, then reads, then waits: an event that comes between the read and the wait is in the tail by
 * then, and an event that comes later wakes the wait. Rejects where the first read fails; once it has begun to
 * wait it waits on while the store is away.
 */
export async function poll(
  source: PollSource,
  address: ChannelAddress,
  cursor: ReadCursor,
  { timeoutMs, signal }: PollOptions,
): Promise<EventBatch> {
  if (timeoutMs === 0) return source.read(cursor);
  const deadline = performance.now() + timeoutMs;
  const live = source.live.use(address.channel);
  try {
    await live.ready;
    let { after } = cursor;
    /** What the last read has found: nothing. */
    let empty: EventBatch | undefined;
    for (;;) {
      const { resets } = live;
      let longestMs = Number.POSITIVE_INFINITY;
      try {
        const place = { ...cursor, after };
        const kept = live.tail.read(place, address.type);
        const batch = kept ?? (await readTogether(source, live, place));
        if (batch.count > 0) {
          if (kept === undefined && live.resets === resets) remember(live.tail, place, address.type, batch);
          return batch;
        }
        empty = batch;
        // A read that a reset has overtaken may have missed what came while nothing was notified.
        if (live.resets === resets) {
          live.tail.start(batch);
          // Nothing of ours lies up to here: a typed cursor need not read it again. A cursor ahead of the store
          // goes back to where the store is.
          after = batch.lastId;
        }
      } catch (error) {
        if (empty === undefined || !isAway(error)) throw error;
        longestMs = RETRY_MS;
      }

      if (source.hooks.beforeWait) await source.hooks.beforeWait(cursor.channel);
      const remainingMs = deadline - performance.now();
      if (source.live.closed || signal?.aborted || remainingMs <= 0) return empty;
      if (live.resets !== resets || live.tail.lastId > after) continue;
      await live.waiters.wait(Math.min(remainingMs, longestMs), signal);
      if (source.live.closed || signal?.aborted) return empty;
    }
  } catch (error) {
    // The store was closed under a read that was running.
    if (source.live.closed) return new EventBatch([], { firstId: 0, lastId: cursor.after });
    throw error;
  } finally {
    source.live.release(address.channel, live);
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
