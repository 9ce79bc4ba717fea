import type { Storage } from './storage.js';

/** A channel, and where it begins and ends. What cannot be read now, or is not known, is absent. */
export interface ChannelState {
  readonly channel: string;
  /** Id of the oldest event kept; 0 if there is none. */
  readonly firstId?: number;
  /** Newest id given. */
  readonly lastId?: number;
  /** Timestamp of the newest event, also if that is no longer kept; milliseconds since the Unix epoch. */
  readonly lastTimestamp?: number;
}

/** Which channels to list. */
export interface ChannelRange {
  /** What their names begin with; default: anything. */
  readonly prefix?: string | undefined;
  /** The name that they lie after; default: the first ones. */
  readonly after?: string | undefined;
  /** Most channels to return, at least 1. */
  readonly limit: number;
}

/** The channels of a range, in the order of the UTF-8 bytes of their names. */
export async function listChannels(
  { channels }: Pick<Storage, 'channels'>,
  { prefix = '', after = '', limit }: ChannelRange,
): Promise<ChannelState[]> {
  const found: ChannelState[] = [];
  let last = after;
  while (found.length < limit) {
    const names = await channels.list({ prefix, after: last, limit: limit - found.length });
    if (names.length === 0) break;
    const ends = await channels.ends(names);
    for (const [i, channel] of names.entries()) {
      const end = ends[i];
      if (end === undefined) {
        found.push({ channel });
        continue;
      }
      // An engine that cannot change list and channel in one step may still have it on the list.
      if (end.isDeleted || end.lastId === 0) continue;
      const { firstId, lastId, timestamp } = end;
      found.push({ channel, firstId: firstId > lastId ? 0 : firstId, lastId, lastTimestamp: timestamp });
    }
    last = names.at(-1) as string;
  }
  return found;
}
