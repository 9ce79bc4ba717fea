import { Epochs } from '@ganomede/events-store';
import { decodeChecked, encodeChecked } from './checked-text.js';
import type { Database } from './database.js';
import { channelKey, channelNumberKey, deletedChannelKey, earlierEpochsKey } from './keys.js';

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
  /** The current epoch; empty if it has none. */
  readonly epoch: string;
  /** How often events were redacted. */
  readonly redactions: number;
  /** Whether the channel was deleted, and nothing was appended since. */
  readonly isDeleted: boolean;
}

/** Of records from before they had a checksum, and from before there were epochs. */
const FORMER = /^\d{1,16} \d{1,16} \d{1,16}(?: [0-9a-z-]*)?$/;

/** Whether something was ever appended to the channel. */
export function isChannel(database: Database, name: string): boolean {
  return [channelNumberKey(name), deletedChannelKey(name)].some((key) => database.peek(key) !== undefined);
}

/**
 * Undefined if nothing was ever appended to the channel.
 *
 * @throws Error if the record is missing, or is not what was stored for this channel
 */
export function readChannel(database: Database, name: string): ChannelRecord | undefined {
  const listed = database.get(channelNumberKey(name));
  const stored = listed ?? database.get(deletedChannelKey(name));
  if (stored === undefined) return undefined;
  const number = Number(stored);
  const record = database.get(channelKey(number));
  const text = record && decodeChecked(record, placeOf(name, number), FORMER);
  if (text === undefined) {
    const what = record ? 'is not as it was stored' : 'is missing';
    throw new Error(`events.mdb is damaged: the record of channel ${JSON.stringify(name)} ${what}`);
  }
  const [lastId, firstId, time, epoch = '', redactions = 0] = text.split(' ');
  return {
    ...{ number, firstId: Number(firstId), lastId: Number(lastId), time: Number(time), epoch },
    ...{ redactions: Number(redactions), isDeleted: listed === undefined },
  };
}

/** Stored as `<lastId> <firstId> <time> <epoch>`, and if there were any ` <redactions>`, with a checksum. */
export function encodeChannel(
  name: string,
  { number, lastId, firstId, time, epoch, redactions }: ChannelRecord,
): Buffer {
  const more = redactions === 0 ? '' : ` ${redactions}`;
  return encodeChecked(`${lastId} ${firstId} ${time} ${epoch}${more}`, placeOf(name, number));
}

/** Those before the current one are apart, since the record is written with every append. */
export function readEpochs(database: Pick<Database, 'get'>, { number, epoch }: ChannelRecord): Epochs {
  return new Epochs(epoch, database.get(earlierEpochsKey(number))?.toString('latin1') ?? '');
}

function placeOf(name: string, number: number): string {
  return `${number} ${name}`;
}
