import {
  boundsOf,
  type ChannelBounds,
  EventPage,
  NO_BOUNDS,
  type Scan,
  textsOfPage,
} from '@ganomede/events-store';
import { type ChannelRecord, readChannel, readEpochs } from './channel-record.js';
import type { Database } from './database.js';
import { gapAt } from './gaps.js';
import { eventKey, type Key, typeKey } from './keys.js';
import { decodeEvent } from './stored-event.js';

/** What a scan finds. One turn of the event loop sees one snapshot. */
export function scanEvents(database: Database, scan: Scan): EventPage {
  const record = readChannel(database, scan.channel);
  if (record === undefined) return UNKNOWN_CHANNEL;
  return new EventPage(textsOf(database, record, scan), readBounds(database, record));
}

export function readBounds(database: Database, record: ChannelRecord): ChannelBounds {
  const { firstId, lastId, redactions } = record;
  return boundsOf(firstId, lastId, readEpochs(database, record), redactions);
}

/** Events by their ids; undefined for those that the channel does not keep, or that are damaged. */
export function findEvents(
  database: Database,
  channel: string,
  ids: readonly number[],
): (Buffer | undefined)[] {
  const record = readChannel(database, channel);
  if (record === undefined) return ids.map(() => undefined);
  const { number, firstId, lastId } = record;
  return ids.map((id) => {
    if (id < firstId || id > lastId) return undefined;
    try {
      return eventOf(database, number, id);
    } catch {
      return undefined;
    }
  });
}

export const UNKNOWN_CHANNEL = new EventPage([], NO_BOUNDS);

/** The events that the last parts of keys name. */
export function* eventsOf(
  database: Database,
  channelNumber: number,
  entries: Iterable<{ readonly key: Key }>,
): Iterable<Buffer> {
  for (const { key } of entries) yield eventOf(database, channelNumber, key.at(-1) as number);
}

/**
 * Going up, a page ends before what is damaged, which only a read that begins there finds: what lies around it can be read. Going
 * down, nobody would look for more than the newest, so it fails.
 */
function textsOf(database: Database, record: ChannelRecord, scan: Scan): Buffer[] {
  if (!('after' in scan)) return textsOfPage(find(database, record, scan), scan.limit);
  if (scan.skipsDamaged) return textsOfPage(soundEvents(database, record, scan), scan.limit);
  const texts: Buffer[] = [];
  try {
    return textsOfPage(find(database, record, scan), scan.limit, texts);
  } catch (error) {
    if (texts.length === 0) throw error;
    return texts;
  }
}

/** What a scan that goes up finds, without what is damaged. */
function* soundEvents(
  database: Database,
  { number, firstId, lastId }: ChannelRecord,
  { type, after }: Scan & { readonly after: number },
): Iterable<Buffer> {
  const oldest = Math.max(after + 1, firstId);
  if (oldest > lastId) return;
  const keys =
    type === undefined
      ? database.keys(eventKey(number, oldest), eventKey(number, lastId + 1))
      : database.keys(typeKey(number, type, oldest), typeKey(number, type, lastId + 1));
  for (const key of keys) {
    let event: Buffer;
    try {
      event = eventOf(database, number, key.at(-1) as number);
    } catch {
      continue;
    }
    yield event;
  }
}

/** Ascending or descending, as the scan. */
function find(database: Database, { number, firstId, lastId }: ChannelRecord, scan: Scan): Iterable<Buffer> {
  const { type } = scan;
  if ('after' in scan) {
    const oldest = Math.max(scan.after + 1, firstId);
    if (oldest > lastId) return [];
    if (type === undefined) return consecutive(database, number, oldest, lastId);
    const [start, end] = [typeKey(number, type, oldest), typeKey(number, type, lastId + 1)];
    return eventsOf(database, number, database.range(start, end));
  }
  const newest = Math.min((scan.before ?? Number.MAX_SAFE_INTEGER) - 1, lastId);
  if (newest < firstId) return [];
  if (type === undefined) return consecutive(database, number, newest, firstId);
  const [start, end] = [typeKey(number, type, newest), typeKey(number, type, firstId - 1)];
  return eventsOf(database, number, database.rangeBackward(start, end));
}

/** The events that a channel keeps with `after` < id ≤ `to`. */
export function textsBetween(
  database: Database,
  { number, firstId, lastId }: ChannelRecord,
  after: number,
  to: number,
): Iterable<Buffer> {
  const [first, last] = [Math.max(after + 1, firstId), Math.min(to, lastId)];
  return first > last ? [] : consecutive(database, number, first, last);
}

/** All events from one id up, or down, to another. Ids have few gaps, and a get costs less than a step of a range. */
function* consecutive(database: Database, channelNumber: number, from: number, to: number): Iterable<Buffer> {
  const step = from <= to ? 1 : -1;
  for (let id = from; step * id <= step * to; id += step) {
    const value = database.peek(eventKey(channelNumber, id));
    const gap = value === undefined ? gapAt(database, channelNumber, id) : undefined;
    if (gap) id = step > 0 ? gap.to : gap.from;
    else yield decodeEvent(channelNumber, id, value);
  }
}

/** @throws Error if the file has lost it, or it is damaged */
function eventOf(database: Database, channelNumber: number, id: number): Buffer {
  return decodeEvent(channelNumber, id, database.peek(eventKey(channelNumber, id)));
}
