import { setImmediate } from 'node:timers/promises';
import type { GroupRecordKind } from '@ganomede/events-store';
import type { Entry } from './change.js';
import { type ChannelRecord, readChannel } from './channel-record.js';
import { inClosedStore } from './closed-store.js';
import { decodeCursor } from './cursors.js';
import { Database } from './database.js';
import { assertKnownFormat } from './format-version.js';
import { gapAt, idsInGaps } from './gaps.js';
import { decodeGroupRecord } from './group-records.js';
import {
  CHANNEL_COUNT,
  CHANNELS_END,
  CURSORS,
  channelKey,
  channelNumberKey,
  DELETED_CHANNELS,
  eventKey,
  GROUPS,
  groupRecordKey,
  groupRecordsOf,
  typeKey,
  typesEnd,
} from './keys.js';
import { decodeEvent } from './stored-event.js';

/** What a directory holds, and what of it is damaged. */
export interface Verification {
  readonly channels: number;
  /** Events that are as they were stored. */
  readonly events: number;
  /** One sentence for each channel, cursor and group that is damaged. */
  readonly damage: readonly string[];
}

/** Ids that a sentence names. */
const MAX_TOLD = 20;

/**
 * Reads everything in the directory of a store that is not open: every page, every event, every entry of a type, every cursor, every
 * group. Writes nothing.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if there is no store, it is in use, or pages of its data file
 * are damaged; the message says which
 */
export function verifyLmdbStore(dataDir: string): Promise<Verification> {
  return inClosedStore(dataDir, async (path) => {
    const database = new Database(path, 0);
    try {
      assertKnownFormat(database, path);
      return await verify(database);
    } finally {
      await database.close();
    }
  });
}

async function verify(database: Database): Promise<Verification> {
  const damage: string[] = [];
  const numbers = new Set<number>();
  let channels = 0;
  let events = 0;
  for (const { key, value } of channelNumbers(database)) {
    const name = JSON.stringify(key[1]);
    channels++;
    let record: ChannelRecord;
    try {
      record = readChannel(database, String(key[1])) as ChannelRecord;
    } catch (error) {
      damage.push(`Channel ${name}: ${(error as Error).message}`);
      continue;
    } finally {
      numbers.add(Number(value));
    }
    const damaged = damagedEvents(database, record);
    events += record.lastId - record.firstId + 1 - idsWithoutEvent(database, record) - damaged.length;
    if (damaged.length > 0) damage.push(`Channel ${name}: damaged or missing are events ${listed(damaged)}`);
    const misfiled = misfiledEvents(database, record);
    if (misfiled.length > 0) {
      damage.push(`Channel ${name}: filed under more than one type are events ${listed(misfiled)}`);
    }
    await setImmediate();
  }
  const given = Number(database.get(CHANNEL_COUNT) ?? 0);
  if (given !== channels || numbers.size !== channels || Math.max(0, ...numbers) > given) {
    damage.push(
      `The numbers of channels: ${channels} channels, ${numbers.size} numbers, ${given} were given`,
    );
  }
  for (const { key, value } of database.range(...CURSORS)) {
    try {
      decodeCursor(key, value);
    } catch (error) {
      damage.push((error as Error).message);
    }
  }
  for (const { key, value } of database.range(...GROUPS)) {
    const [, channel, type, group] = key;
    const name = JSON.stringify(type === '' ? channel : `${channel}:${type}`);
    try {
      verifyGroup(database, Number(value));
    } catch (error) {
      damage.push(`Group ${JSON.stringify(group)} on channel ${name}: ${(error as Error).message}`);
    }
  }
  return { channels, events, damage };
}

/** @throws Error if a record of the group is not as it was stored, or there is none */
function verifyGroup(database: Database, number: number): void {
  if (database.get(groupRecordKey(number, 'group', '')) === undefined) {
    throw new Error('events.mdb is damaged: its record is missing');
  }
  for (const kind of ['group', 'entry', 'value', 'worker'] as const satisfies GroupRecordKind[]) {
    for (const { key, value } of database.range(...groupRecordsOf(number, kind)))
      decodeGroupRecord(key, value);
  }
}

/** Those of channels that were deleted too: their numbers are not given again. */
function* channelNumbers(database: Database): Iterable<Entry> {
  yield* database.range(channelNumberKey(''), CHANNELS_END);
  yield* database.range(...DELETED_CHANNELS);
}

/** Ids of events that are damaged or missing, those that only a list of a type names too. */
function damagedEvents(database: Database, { number, firstId, lastId }: ChannelRecord): number[] {
  const damaged = new Set<number>();
  for (let id = firstId; id <= lastId; id++) {
    const value = database.peek(eventKey(number, id));
    const gap = value === undefined ? gapAt(database, number, id) : undefined;
    if (gap) {
      id = gap.to;
      continue;
    }
    try {
      decodeEvent(number, id, value);
    } catch {
      damaged.add(id);
    }
  }
  for (const beyond of database.keys(eventKey(number, lastId + 1), channelKey(number), MAX_TOLD + 1)) {
    damaged.add(beyond[1] as number);
  }
  for (const key of database.keys(typeKey(number, '', 0), typesEnd(number))) {
    const id = key.at(-1) as number;
    if (id > lastId) damaged.add(id);
  }
  return [...damaged];
}

/** How many ids of a channel no event has. */
function idsWithoutEvent(database: Database, { number, firstId, lastId }: ChannelRecord): number {
  return idsInGaps(database, number, lastId) - idsInGaps(database, number, firstId - 1);
}

/** Ids that two lists of types name. An event need not be in any. */
function misfiledEvents(database: Database, { number, firstId, lastId }: ChannelRecord): number[] {
  const seen = new Uint8Array(lastId - firstId + 1);
  const misfiled: number[] = [];
  for (const key of database.keys(typeKey(number, '', 0), typesEnd(number))) {
    const id = key.at(-1) as number;
    if (id < firstId || id > lastId) continue;
    if (seen[id - firstId]) misfiled.push(id);
    seen[id - firstId] = 1;
  }
  return misfiled;
}

function listed(ids: readonly number[]): string {
  const more = ids.length > MAX_TOLD ? ` and ${ids.length - MAX_TOLD} more` : '';
  return `${ids.slice(0, MAX_TOLD).join(', ')}${more}`;
}
