import { type ChannelAddress, EventsError } from '@ganomede/events-protocol';
import { EventBatch } from './event-batch.js';
import type { PollOptions, ReadCursor, StoreHooks } from './event-store.js';
import type { LiveChannels } from './live-channels.js';

/** What a poll needs of its store. */
export interface PollSource {
  readonly live: LiveChannels;
  readonly hooks: StoreHooks;
  /** Events after a cursor; the batch has seen everything up to its `lastId`. */
  read(cursor: ReadCursor): Promise<EventBatch>;
}

/**
 * Registers first, then reads, then waits: an event that comes between the read and the wait is in the tail by
 * then, and an event that comes later wakes the wait.
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
    for (;;) {
      const place = { ...cursor, after };
      const batch =
        live.tail.read(place, address.type) ??
        (await live.share(`${after} ${cursor.limit} ${cursor.channel}`, () => source.read(place)));
      if (batch.count > 0) return batch;
      live.tail.start(batch);
      // Nothing of ours lies up to here: a typed cursor need not read it again.
      after = Math.max(after, batch.lastId);

      if (source.hooks.beforeWait) await source.hooks.beforeWait(cursor.channel);
      const remainingMs = deadline - performance.now();
      if (source.live.closed || signal?.aborted || remainingMs <= 0) return batch;
      if (live.tail.lastId > after) continue;
      await live.waiters.wait(remainingMs, signal);
      if (source.live.closed || signal?.aborted) return batch;
    }
  } catch (error) {
    // The store was closed under a read that was running.
    if (source.live.closed) return EventBatch.join([], { firstId: 0, lastId: cursor.after });
    throw error;
  } finally {
    source.live.release(address.channel, live);
  }
}

/** What every method of a closed store rejects with. */
export function storeClosed(): EventsError {
  return new EventsError('ServiceUnavailable', 'The event store is closed');
}
