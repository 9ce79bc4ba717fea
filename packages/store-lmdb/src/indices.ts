import type { ChannelAddress, IndexDefinition } from '@ganomede/events-protocol';
import {
  checkSameIndex,
  EventPage,
  INDEX_STEP,
  type IndexStep,
  type IndexStorage,
  type LatestCursor,
  sortIndices,
} from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { decodeIndex, encodeIndex, type IndexRecord } from './index-record.js';
import {
  DEFINITIONS,
  definitionKey,
  eventKey,
  INDEX_COUNT,
  indexEventKey,
  indexRecordKey,
  indexValueKey,
  type Key,
} from './keys.js';
import { positionOf, take, UNKNOWN_CHANNEL } from './read.js';
import { cannotRead } from './storage-error.js';

const NOTHING = Buffer.alloc(0);

/** The indices of a store: each step of one is a transaction. */
export class Indices implements IndexStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;
  readonly #address: (name: string) => ChannelAddress;

  /** `address` says where a channel name points to, and throws where the store is closed. */
  constructor(
    database: Database,
    commits: CommitQueue,
    dataDir: string,
    address: (name: string) => ChannelAddress,
  ) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
    this.#address = address;
  }

  /** @throws EventsError `Conflict` (as a rejection) where the id has another definition. */
  async create(index: IndexDefinition): Promise<void> {
    const { id, channel, field } = index;
    const key = definitionKey(id);
    const stored = await this.#commits.write({
      subject: `index ${JSON.stringify(id)}`,
      bytes: 0,
      plan: (draft) => {
        const known = draft.get(key);
        if (known === undefined) draft.set(key, Buffer.from(JSON.stringify({ channel, field })));
        return known;
      },
    });
    if (stored) checkSameIndex(decodeDefinition(id, stored), index);
  }

  /** Sorted by id. */
  definitions(): IndexDefinition[] {
    return this.#reading('the indices', () => {
      const entries = [...this.#database.range(...DEFINITIONS)];
      return sortIndices(entries.map(({ key, value }) => decodeDefinition(String(key[1]), value)));
    });
  }

  async definition(id: string): Promise<IndexDefinition | undefined> {
    return this.#reading(`index ${JSON.stringify(id)}`, () => {
      const stored = this.#database.get(definitionKey(id));
      return stored && decodeDefinition(id, stored);
    });
  }

  async position(index: IndexDefinition): Promise<number> {
    return this.#read(index, (_channel, record) => record.position);
  }

  async advance(index: IndexDefinition, { from, to, entries }: IndexStep): Promise<number> {
    const key = this.#key(index);
    return this.#commits.write({
      subject: `index ${JSON.stringify(index.id)}`,
      bytes: entries.reduce((sum, entry) => sum + 2 * entry.key.length, 0),
      plan: (draft) => {
        const stored = draft.get(key);
        const { number, position } = stored ? decodeIndex(stored) : NEW_INDEX;
        if (position !== from) return position;
        const own = number || newIndexNumber(draft);
        for (const { id, key: value } of entries) {
          draft.add(indexValueKey(own, value, id), NOTHING);
          draft.add(indexEventKey(own, id), Buffer.from(value));
        }
        draft.set(key, encodeIndex({ number: own, position: to }));
        return to;
      },
    });
  }

  async trim(index: IndexDefinition): Promise<void> {
    if (this.#dropped(index).length === 0) return;
    await this.#commits.write({
      subject: `the removal of old entries of index ${JSON.stringify(index.id)}`,
      bytes: 0,
      plan: (draft) => {
        for (const key of this.#dropped(index)) draft.remove(key);
      },
    });
  }

  async rows(
    index: IndexDefinition,
    value: string,
    { limit, before = Number.MAX_SAFE_INTEGER }: Omit<LatestCursor, 'channel'>,
  ): Promise<EventPage> {
    return this.#read(index, (channel, { number }) => {
      if (channel === undefined) return UNKNOWN_CHANNEL;
      const { firstId, lastId } = channel;
      const newest = Math.min(before - 1, lastId);
      if (newest < firstId) return new EventPage([], positionOf(channel));
      const ids = this.#database.rangeBackward(
        indexValueKey(number, value, newest),
        indexValueKey(number, value, firstId - 1),
      );
      return new EventPage(take(this.#events(channel, ids), limit), positionOf(channel));
    });
  }

  *#events({ number }: ChannelRecord, entries: Iterable<{ readonly key: Key }>): Iterable<Buffer> {
    for (const { key } of entries) {
      const text = this.#database.get(eventKey(number, key.at(-1) as number));
      if (text !== undefined) yield text;
    }
  }

  /** Keys of the entries of events that the channel has dropped; at most one step. */
  #dropped(index: IndexDefinition): Key[] {
    return this.#read(index, (channel, { number }) => {
      const keys: Key[] = [];
      const { firstId = 1 } = channel ?? {};
      if (firstId === 1) return keys;
      for (const { key, value } of this.#database.range(
        indexEventKey(number, 0),
        indexEventKey(number, firstId),
      )) {
        keys.push(key, indexValueKey(number, value.toString(), key.at(-1) as number));
        if (keys.length >= 2 * INDEX_STEP) break;
      }
      return keys;
    });
  }

  #key({ channel: name, field }: IndexDefinition): Key {
    const { channel, type } = this.#address(name);
    return indexRecordKey(channel, type, field);
  }

  /** One turn of the event loop sees one snapshot. */
  #read<T>(index: IndexDefinition, read: (channel: ChannelRecord | undefined, record: IndexRecord) => T): T {
    const key = this.#key(index);
    const { channel } = this.#address(index.channel);
    return this.#reading(`index ${JSON.stringify(index.id)}`, () => {
      const record = this.#database.get(key);
      return read(readChannel(this.#database, channel), record ? decodeIndex(record) : NEW_INDEX);
    });
  }

  #reading<T>(subject: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw cannotRead(this.#dataDir, subject, cause);
    }
  }
}

/** Numbers are given from 1. */
const NEW_INDEX: IndexRecord = { number: 0, position: 0 };

function newIndexNumber(draft: Draft): number {
  const number = Number(draft.get(INDEX_COUNT) ?? 0) + 1;
  draft.set(INDEX_COUNT, Buffer.from(String(number)));
  return number;
}

function decodeDefinition(id: string, value: Buffer): IndexDefinition {
  const { channel, field } = JSON.parse(value.toString()) as Omit<IndexDefinition, 'id'>;
  return { id, channel, field };
}
