import type { IndexDefinition } from '@ganomede/events-protocol';
import type { ChannelScope, IndexScope, Storage } from '../storage.js';

/** The definitions of the indices of a channel and of its types, each with where it lies. */
export async function indicesOf(
  { indices }: Pick<Storage, 'indices'>,
  channel: string,
  scopeOf: (name: string) => ChannelScope,
): Promise<(IndexScope & Pick<IndexDefinition, 'id'>)[]> {
  const definitions = await indices.definitions();
  return definitions
    .map(({ id, channel: name, field }) => ({ ...scopeOf(name), field, id }))
    .filter((index) => index.channel === channel);
}

/** Removes what an index has of events that its channel has dropped. */
export async function trimIndex({ indices }: Pick<Storage, 'indices'>, index: IndexScope): Promise<void> {
  while ((await indices.trim(index)) > 0);
}
