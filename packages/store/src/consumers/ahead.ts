import { parseEpochText } from '../consumer-cursor.js';
import { commonPart } from '../read-after.js';
import type { Storage } from '../storage.js';

/** What a consumer has not seen yet. What is not known is absent. */
export interface Ahead {
  /** How many events of its channel name lie ahead of it. */
  readonly lag: number;
  /** Age of the oldest of them, milliseconds; 0 if there is none. */
  readonly behindMs?: number;
}

/**
 * What lies ahead of each of some cursors on a channel and its types; `epoch` as it is saved. Three steps at the storage, however many
 * they are.
 */
export async function findAhead(
  storage: Pick<Storage, 'scan' | 'channels' | 'clock'>,
  channel: string,
  cursors: readonly {
    readonly type: string | undefined;
    readonly after: number;
    readonly epoch?: string | undefined;
  }[],
): Promise<Ahead[]> {
  if (cursors.length === 0) return [];
  // Below the first id there is nothing: it is for the bounds.
  const bounds = await storage.scan({ channel, type: undefined, before: 1, limit: 1 });
  const placed = cursors.map(({ type, after, epoch }) => ({
    type,
    // Where the next read goes on if the store came back older.
    after: commonPart(bounds, after, parseEpochText(epoch).epoch),
  }));
  const [unseen, now] = await Promise.all([
    storage.channels.unseen(channel, placed),
    (async () => (await storage.clock?.()) ?? Date.now())(),
  ]);
  return cursors.map((_, i) => {
    const { count = 0, timestamp } = unseen[i] ?? {};
    if (count === 0) return { lag: 0, behindMs: 0 };
    return { lag: count, ...(timestamp !== undefined && { behindMs: Math.max(0, now - timestamp) }) };
  });
}
