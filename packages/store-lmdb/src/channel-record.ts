import type { Database } from './database.js';
import { channelKey, channelNumberKey } from './keys.js';

/** What is known of a channel. */
export interface ChannelRecord {
  /** Stands for the name in the keys of what belongs to it. */
  readonly number: number;
  /** Oldest id kept; one above the newest if none is. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
  /** Newest timestamp given. */
  readonly time: number;
}

/** Undefined if nothing was ever appended to the channel. */
export function readChannel(database: Database, name: string): ChannelRecord | undefined {
  const stored = database.get(channelNumberKey(name));
  if (stored === undefined) return undefined;
  const number = Number(stored);
  const record = database.get(channelKey(number));
  return record && decodeChannel(number, record);
}

/** Stored as `<lastId> <firstId> <time>`. */
export function encodeChannel({ lastId, firstId, time }: ChannelRecord): Buffer {
  return Buffer.from(`${lastId} ${firstId} ${time}`);
}

function decodeChannel(number: number, value: Buffer): ChannelRecord {
  const [lastId, firstId, time] = value.toString('latin1').split(' ').map(Number);
  return { number, firstId: firstId ?? 1, lastId: lastId ?? 0, time: time ?? 0 };
}
