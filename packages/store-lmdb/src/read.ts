import type { ChannelAddress } from '@ganomede/events-protocol';
import { type ChannelBounds, EventPage, MAX_PAGE_BYTES, type ReadCursor } from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { Database } from './database.js';
import { eventKey, typeKey } from './keys.js';

export const UNKNOWN_CHANNEL = new EventPage([], { firstId: 0, lastId: 0 });

/** The events of a channel, or of one type of it, after a cursor. One turn of the event loop sees one snapshot. */
export function readEvents(
  database: Database,
  { channel, type }: ChannelAddress,
  { after, limit }: ReadCursor,
): EventPage {
  const record = readChannel(database, channel);
  if (record === undefined) return UNKNOWN_CHANNEL;
  const { number, firstId, lastId } = record;
  const from = Math.max(after, firstId - 1);
  if (from >= lastId) return new EventPage([], positionOf(record));
  const found =
    type === undefined
      ? wholeChannel(database, number, from, lastId)
      : ofType(database, number, type, from, lastId);
  return new EventPage(take(found, limit), positionOf(record));
}

/** Where nothing is kept, the first id is one above the last. */
export function positionOf({ firstId, lastId }: ChannelRecord): ChannelBounds {
  return { firstId: firstId > lastId ? 0 : firstId, lastId };
}

/** The first texts: at most `limit`, and no more than fit into a batch. */
export function take(found: Iterable<Buffer>, limit: number): Buffer[] {
  const texts: Buffer[] = [];
  let bytes = 0;
  for (const text of found) {
    texts.push(text);
    bytes += text.length;
    if (texts.length >= limit || bytes >= MAX_PAGE_BYTES) break;
  }
  return texts;
}

/** @throws Error where the file has lost it. */
export function eventOf(database: Database, channelNumber: number, id: number): Buffer {
  const text = database.get(eventKey(channelNumber, id));
  if (text === undefined) throw new Error(`events.mdb is damaged: event ${id} is missing`);
  return text;
}

function* wholeChannel(database: Database, number: number, after: number, lastId: number): Iterable<Buffer> {
  // Their ids have no gap, and a get costs less than a step of a range.
  for (let id = after + 1; id <= lastId; id++) yield eventOf(database, number, id);
}

function* ofType(
  database: Database,
  number: number,
  type: string,
  after: number,
  lastId: number,
): Iterable<Buffer> {
  for (const { key } of database.range(typeKey(number, type, after + 1), typeKey(number, type, lastId + 1))) {
    const text = database.get(eventKey(number, key.at(-1) as number));
    if (text !== undefined) yield text;
  }
}
