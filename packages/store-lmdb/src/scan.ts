import { boundsOf, EventPage, NO_BOUNDS, type Scan, textsOfPage } from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { Database } from './database.js';
import { eventKey, type Key, typeKey } from './keys.js';

/** What a scan finds. One turn of the event loop sees one snapshot. */
export function scanEvents(database: Database, scan: Scan): EventPage {
  const record = readChannel(database, scan.channel);
  if (record === undefined) return UNKNOWN_CHANNEL;
  const found = 'after' in scan ? after(database, record, scan) : before(database, record, scan);
  return new EventPage(textsOfPage(found, scan.limit), boundsOf(record.firstId, record.lastId));
}

export const UNKNOWN_CHANNEL = new EventPage([], NO_BOUNDS);

/** The events that the last parts of keys name. */
export function* eventsOf(
  database: Database,
  channelNumber: number,
  entries: Iterable<{ readonly key: Key }>,
): Iterable<Buffer> {
  for (const { key } of entries) {
    const text = database.get(eventKey(channelNumber, key.at(-1) as number));
    if (text !== undefined) yield text;
  }
}

function* after(
  database: Database,
  { number, firstId, lastId }: ChannelRecord,
  scan: Scan & { readonly after: number },
): Iterable<Buffer> {
  const from = Math.max(scan.after + 1, firstId);
  if (from > lastId) return;
  if (scan.type === undefined) {
    // Their ids have no gap, and a get costs less than a step of a range.
    for (let id = from; id <= lastId; id++) yield eventOf(database, number, id);
    return;
  }
  const entries = database.range(typeKey(number, scan.type, from), typeKey(number, scan.type, lastId + 1));
  yield* eventsOf(database, number, entries);
}

function* before(
  database: Database,
  { number, firstId, lastId }: ChannelRecord,
  scan: Scan & { readonly before: number | undefined },
): Iterable<Buffer> {
  const newest = Math.min((scan.before ?? Number.MAX_SAFE_INTEGER) - 1, lastId);
  if (newest < firstId) return;
  if (scan.type === undefined) {
    for (let id = newest; id >= firstId; id--) yield eventOf(database, number, id);
    return;
  }
  const entries = database.rangeBackward(
    typeKey(number, scan.type, newest),
    typeKey(number, scan.type, firstId - 1),
  );
  yield* eventsOf(database, number, entries);
}

/** @throws Error if the file has lost it */
function eventOf(database: Database, channelNumber: number, id: number): Buffer {
  const text = database.get(eventKey(channelNumber, id));
  if (text === undefined) throw new Error(`events.mdb is damaged: event ${id} is missing`);
  return text;
}
