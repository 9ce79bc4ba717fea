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
  for (const { scope } of (await storage.groups?.list(channel)) ?? []) await storage.groups?.delete(scope);
  if (!(await storage.channels.delete(channel))) throw unknownChannel(channel);
  for (const index of await indicesOf(storage, channel, scopeOf)) {
    await trimIndex(storage, index);
    // Last: who finds it knows that there may be something left.
    await storage.indices.delete(index.id);
  }
}
