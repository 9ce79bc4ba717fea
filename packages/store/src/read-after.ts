import { Epochs, UNNOTED } from './events/epochs.js';
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

/**
 * The last id that a cursor has seen and the channel has. Of whoever is given events here an epoch is known, so that one without
 * which is ahead of the channel has seen those of another store: here, at most what was brought from there.
 */
export function commonPart(
  { firstId, lastId, epochs = Epochs.NONE }: ChannelBounds,
  after: number,
  epoch: string | undefined,
): number {
  if (epoch === undefined && after <= lastId) return after;
  return Math.min(after, epochs.commonWith(epoch ?? UNNOTED, firstId), lastId);
}
