import { parseEpochText } from '../consumer-cursor.js';
import { commonPart } from '../read-after.js';
import type { ChannelScope, Storage } from '../storage.js';

/** A consumer on a channel name, and how far behind it is. What is not known is absent. */
export interface ConsumerState {
  readonly clientId: string;
  /** The channel name, `channel:type` included. */
  readonly channel: string;
  /** Id of the last event that it has seen. */
  readonly after: number;
  /** How many events of the channel name lie ahead of it. */
  readonly lag: number;
  /** Age of the oldest of them, milliseconds; 0 if there is none. */
  readonly behindMs?: number;
  /** When it came to be at `after`, milliseconds since the Unix epoch. */
  readonly savedAt?: number;
}

/**
 * The consumers on a channel name, with `types` those on the types of the channel too: of the first `limit` clientIds after `after`
 * all that each has. Three steps at the storage, however many they are, but for the paging of the engine.
 */
export async function listConsumers(
  storage: Pick<Storage, 'cursors' | 'scan' | 'channels' | 'clock'>,
  { channel, type }: ChannelScope,
  range: { readonly types: boolean; readonly after: string; readonly limit: number },
): Promise<ConsumerState[]> {
  const cursors = await storage.cursors.list({ channel, type }, range);
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
  return cursors.map(({ clientId, type, after, savedAt }, i) => {
    const { count = 0, timestamp } = unseen[i] ?? {};
    const behindMs = count === 0 ? 0 : timestamp === undefined ? undefined : Math.max(0, now - timestamp);
    return {
      clientId,
      channel: type === undefined ? channel : `${channel}:${type}`,
      after,
      lag: count,
      ...(behindMs !== undefined && { behindMs }),
      ...(savedAt !== undefined && { savedAt }),
    };
  });
}
