import { Epochs } from '@ganomede/events-store';
import type { Database } from './database.js';
import { channelKey, channelNumberKey, earlierEpochsKey } from './keys.js';

/** What is known of a channel. */
export interface ChannelRecord {
  /** Stands for the name in the keys of what belongs to it. */
  readonly number: number;
  /** Oldest id kept; one above the newest if none is. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
  /** Newest timestamp given: a clock that steps back does not take the events with it. */
  readonly time: number;
  /** The current epoch; empty if it has none. */
  readonly epoch: string;
}

/** Undefined if nothing was ever appended to the channel. */
export function readChannel(database: Database, name: string): ChannelRecord | undefined {
  const stored = database.get(channelNumberKey(name));
  if (stored === undefined) return undefined;
  const number = Number(stored);
  const record = database.get(channelKey(number));
  return record && decodeChannel(number, record);
}

/** Stored as `<lastId> <firstId> <time> <epoch>`. */
export function encodeChannel({ lastId, firstId, time, epoch }: ChannelRecord): Buffer {
  return Buffer.from(`${lastId} ${firstId} ${time} ${epoch}`);
}

/** Those before the current one are apart, since the record is written with every append. */
export function readEpochs(database: Pick<Database, 'get'>, { number, epoch }: ChannelRecord): Epochs {
  return new Epochs(epoch, database.get(earlierEpochsKey(number))?.toString('latin1') ?? '');
}

function decodeChannel(number: number, value: Buffer): ChannelRecord {
  const [lastId, firstId, time, epoch = ''] = value.toString('latin1').split(' ');
  return { number, firstId: Number(firstId), lastId: Number(lastId), time: Number(time), epoch };
}
