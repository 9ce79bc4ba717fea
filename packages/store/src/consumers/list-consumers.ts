import type { ChannelScope, Storage } from '../storage.js';
import { type Ahead, findAhead } from './ahead.js';

/** A consumer on a channel name, and how far behind it is. What is not known is absent. */
export interface ConsumerState extends Ahead {
  readonly clientId: string;
  /** The channel name, `channel:type` included. */
  readonly channel: string;
  /** Id of the last event that it has seen. */
  readonly after: number;
  /** When it came to be at `after`, milliseconds since the Unix epoch. */
  readonly savedAt?: number;
}

/**
 * The consumers on a channel name, with `types` those on the types of the channel too: of the first `limit` clientIds after `after`
 * all that each has.
 */
export async function listConsumers(
  storage: Pick<Storage, 'cursors' | 'scan' | 'channels' | 'clock'>,
  { channel, type }: ChannelScope,
  range: { readonly types: boolean; readonly after: string; readonly limit: number },
): Promise<ConsumerState[]> {
  const cursors = await storage.cursors.list({ channel, type }, range);
  const ahead = await findAhead(storage, channel, cursors);
  return cursors.map(({ clientId, type, after, savedAt }, i) => ({
    clientId,
    channel: type === undefined ? channel : `${channel}:${type}`,
    after,
    ...(ahead[i] as Ahead),
    ...(savedAt !== undefined && { savedAt }),
  }));
}
