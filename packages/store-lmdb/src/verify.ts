import { setImmediate } from 'node:timers/promises';
import { type ChannelRecord, readChannel } from './channel-record.js';
import { inClosedStore } from './closed-store.js';
import { Database } from './database.js';
import { CHANNELS_END, channelNumberKey, eventKey, typeKey, typesEnd } from './keys.js';
import { decodeEvent } from './stored-event.js';

/** What a directory holds, and what of it is damaged. */
export interface Verification {
  readonly channels: number;
  /** Events that are as they were stored. */
  readonly events: number;
  /** One sentence for each channel that is damaged. */
  readonly damage: readonly string[];
}

/** Ids that a sentence names. */
const MAX_TOLD = 20;

/**
 * Reads everything in the directory of a store that is not open: every page, every event, every entry of a type. Writes
 * nothing.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if there is no store, it is in use, or pages of its data file
 * are damaged; the message says which
 */
export function verifyLmdbStore(dataDir: string): Promise<Verification> {
  return inClosedStore(dataDir, async (path) => {
    const database = new Database(path, 0);
    try {
      return await verify(database);
    } finally {
      await database.close();
    }
  });
}

async function verify(database: Database): Promise<Verification> {
  const damage: string[] = [];
  let channels = 0;
  let events = 0;
  for (const { key } of database.range(channelNumberKey(''), CHANNELS_END)) {
    const name = String(key[1]);
    const record = readChannel(database, name);
    channels++;
    if (record === undefined) {
      damage.push(`Channel ${JSON.stringify(name)}: its record is missing`);
      continue;
    }
    const damaged = damagedEvents(database, record);
    events += record.lastId - record.firstId + 1 - damaged.length;
    if (damaged.length > 0) {
      const told = damaged.slice(0, MAX_TOLD).join(', ');
      const more = damaged.length > MAX_TOLD ? ` and ${damaged.length - MAX_TOLD} more` : '';
      damage.push(`Channel ${JSON.stringify(name)}: damaged or missing are events ${told}${more}`);
    }
    await setImmediate();
  }
  return { channels, events, damage };
}

/** Ids of events that are damaged or missing, those that only a list of a type names too. */
function damagedEvents(database: Database, { number, firstId, lastId }: ChannelRecord): number[] {
  const damaged = new Set<number>();
  for (let id = firstId; id <= lastId; id++) {
    try {
      decodeEvent(number, id, database.peek(eventKey(number, id)));
    } catch {
      damaged.add(id);
    }
  }
  for (const { key } of database.range(typeKey(number, '', 0), typesEnd(number))) {
    const id = key.at(-1) as number;
    if (id > lastId) damaged.add(id);
  }
  return [...damaged];
}
