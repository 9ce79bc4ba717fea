import type { ChannelAddress } from '@ganomede/events-protocol';
import { EventPage, type LatestCursor } from '@ganomede/events-store';
import { readChannel } from './channel-record.js';
import type { Database } from './database.js';
import { eventKey, typeKey } from './keys.js';
import { eventOf, positionOf, take, UNKNOWN_CHANNEL } from './read.js';

/** The newest events of a channel, or of one type of it, below an id; ascending. */
export function readLatest(
  database: Database,
  { channel, type }: ChannelAddress,
  { limit, before = Number.MAX_SAFE_INTEGER }: LatestCursor,
): EventPage {
  const record = readChannel(database, channel);
  if (record === undefined) return UNKNOWN_CHANNEL;
  const { number, firstId, lastId } = record;
  const newest = Math.min(before - 1, lastId);
  if (newest < firstId) return new EventPage([], positionOf(record));
  const found =
    type === undefined
      ? wholeChannel(database, number, newest, firstId)
      : ofType(database, number, type, newest, firstId);
  return new EventPage(take(found, limit).reverse(), positionOf(record));
}

function* wholeChannel(
  database: Database,
  number: number,
  newest: number,
  firstId: number,
): Iterable<Buffer> {
  for (let id = newest; id >= firstId; id--) yield eventOf(database, number, id);
}

function* ofType(
  database: Database,
  number: number,
  type: string,
  newest: number,
  firstId: number,
): Iterable<Buffer> {
  const entries = database.rangeBackward(typeKey(number, type, newest), typeKey(number, type, firstId - 1));
  for (const { key } of entries) {
    const text = database.get(eventKey(number, key.at(-1) as number));
    if (text !== undefined) yield text;
  }
}
