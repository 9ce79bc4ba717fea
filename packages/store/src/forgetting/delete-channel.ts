import type { ChannelScope, Storage } from '../storage.js';
import { indicesOf, trimIndex } from './indices-of.js';
import { unknownChannel } from './unknown-channel.js';

/**
 * Removes a channel with its events, cursors, groups and indices. Only its name, its last id and its epoch stay, so that ids go on
 * counting if it is used again. What is appended meanwhile may stay.
 *
 * @throws EventsError `ResourceNotFound` (as a rejection) if there never was one
 */
export async function deleteChannel(
  storage: Pick<Storage, 'channels' | 'indices' | 'groups'>,
  channel: string,
  scopeOf: (name: string) => ChannelScope,
): Promise<void> {
  const wasThere = await storage.channels.delete(channel);
  // Not before: who receives meanwhile would create a group that begins at what is being deleted.
  await deleteGroups(storage, channel);
  if (!wasThere) throw unknownChannel(channel);
  for (const index of await indicesOf(storage, channel, scopeOf)) {
    await trimIndex(storage, index);
    // Last: who finds it knows that there may be something left.
    await storage.indices.delete(index.id);
  }
  // Those that were being created, by somebody who had seen the channel as it was.
  await deleteGroups(storage, channel);
}

async function deleteGroups({ groups }: Pick<Storage, 'groups'>, channel: string): Promise<void> {
  for (const { scope } of await groups.list(channel)) await groups.delete(scope);
}
