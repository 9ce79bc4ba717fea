import { Epochs } from './events/epochs.js';
import type { ChannelBounds, EventPage } from './events/event-page.js';
import type { ChannelScope, Storage } from './storage.js';
import type { ReadCursor } from './waiting/poll.js';

/**
 * Events after a cursor, or, if it has seen events that the store no longer has, after the last one that both have: the
 * page then says where that is.
 */
export async function readAfter(
  storage: Pick<Storage, 'scan'>,
  { channel, type }: ChannelScope,
  { after, epoch, limit }: Pick<ReadCursor, 'after' | 'epoch' | 'limit'>,
): Promise<EventPage> {
  let from = after;
  for (;;) {
    const page = await storage.scan({ channel, type, after: from, limit });
    const common = commonPart(page, after, epoch);
    // The channel may have changed since it was found out.
    if (common === from) return from === after ? page : page.withRewoundTo(from);
    from = common;
  }
}

/** The last id that a cursor has seen and the channel has. */
export function commonPart(
  { firstId, lastId, epochs = Epochs.NONE }: ChannelBounds,
  after: number,
  epoch: string | undefined,
): number {
  const common = epoch === undefined ? lastId : epochs.commonWith(epoch, firstId);
  return Math.min(after, common, lastId);
}
