import type { IndexDefinition } from '@ganomede/events-protocol';
import {
  EventPage,
  INDEX_STEP,
  type IndexScope,
  type IndexStep,
  type IndexStorage,
  textsOfPage,
} from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { decodeIndex, encodeIndex, type IndexRecord } from './index-record.js';
import {
  DEFINITIONS,
  definitionKey,
  INDEX_COUNT,
  indexEventKey,
  indexRecordKey,
  indexValueKey,
  type Key,
} from './keys.js';
import { eventsOf, readBounds, UNKNOWN_CHANNEL } from './scan.js';
import { reading } from './storage-error.js';

const NOTHING = Buffer.alloc(0);

/** The indices of a store: each step of one is a transaction. */
export class Indices implements IndexStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;

  constructor(database: Database, commits: CommitQueue, dataDir: string) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
  }

  async create(index: IndexDefinition): Promise<IndexDefinition> {
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
    return stored ? decodeDefinition(id, stored) : index;
  }

  async definitions(): Promise<IndexDefinition[]> {
    return reading(this.#dataDir, 'the indices', () =>
      [...this.#database.range(...DEFINITIONS)].map(({ key, value }) =>
        decodeDefinition(String(key[1]), value),
      ),
    );
  }

  async definition(id: string): Promise<IndexDefinition | undefined> {
    return reading(this.#dataDir, `index ${JSON.stringify(id)}`, () => {
      const stored = this.#database.get(definitionKey(id));
      return stored && decodeDefinition(id, stored);
    });
  }

  async delete(id: string): Promise<void> {
    await this.#commits.write({
      subject: `the removal of index ${JSON.stringify(id)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft) => draft.remove(definitionKey(id)),
    });
  }

  async progress(index: IndexScope): Promise<number> {
    return this.#read(index, (_channel, record) => record.progress);
  }

  async advance(index: IndexScope, { from, to, entries, redactions }: IndexStep): Promise<number> {
    const key = keyOf(index);
    return this.#commits.write({
      subject: `an index of channel ${JSON.stringify(index.channel)}`,
      bytes: entries.reduce((sum, entry) => sum + 2 * entry.key.length, 0),
      plan: (draft) => {
        const stored = draft.get(key);
        const { number, progress } = stored ? decodeIndex(stored) : NEW_INDEX;
        const known = draft.channel(index.channel)?.redactions ?? 0;
        if (progress !== from || redactions !== known) return progress;
        const own = number || newIndexNumber(draft);
        for (const { id, key: value } of entries) {
          draft.add(indexValueKey(own, value, id), NOTHING);
          draft.add(indexEventKey(own, id), Buffer.from(value));
        }
        draft.set(key, encodeIndex({ number: own, progress: to }));
        return to;
      },
    });
  }

  async trim(index: IndexScope): Promise<number> {
    if (this.#dropped(index).length === 0) return 0;
    return this.#remove(index, () => this.#dropped(index));
  }

  async remove(index: IndexScope, ids: readonly number[]): Promise<void> {
    await this.#remove(index, () =>
      this.#read(index, (_channel, { number }) =>
        ids.flatMap((id) => {
          const value = this.#database.get(indexEventKey(number, id));
          return value === undefined ? [] : entryKeys(number, id, value);
        }),
      ),
    );
  }

  /** Resolves with the number of entries. */
  #remove(index: IndexScope, keys: () => Key[]): Promise<number> {
    return this.#commits.write({
      subject: `the removal of entries of an index of channel ${JSON.stringify(index.channel)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft) => {
        const all = keys();
        for (const key of all) draft.remove(key);
        return all.length / 2;
      },
    });
  }

  async rows(
    index: IndexScope,
    value: string,
    { limit, before = Number.MAX_SAFE_INTEGER }: { limit: number; before: number | undefined },
  ): Promise<EventPage> {
    return this.#read(index, (channel, { number }) => {
      if (channel === undefined) return UNKNOWN_CHANNEL;
      const { firstId, lastId } = channel;
      const bounds = readBounds(this.#database, channel);
      const newest = Math.min(before - 1, lastId);
      if (newest < firstId) return new EventPage([], bounds);
      const entries = this.#database.rangeBackward(
        indexValueKey(number, value, newest),
        indexValueKey(number, value, firstId - 1),
      );
      return new EventPage(textsOfPage(eventsOf(this.#database, channel.number, entries), limit), bounds);
    });
  }

  /** Keys of the entries of events that the channel has dropped; at most one step. */
  #dropped(index: IndexScope): Key[] {
    return this.#read(index, (channel, { number }) => {
      const keys: Key[] = [];
      const { firstId = 1 } = channel ?? {};
      if (firstId === 1) return keys;
      for (const { key, value } of this.#database.range(
        indexEventKey(number, 0),
        indexEventKey(number, firstId),
      )) {
        keys.push(...entryKeys(number, key.at(-1) as number, value));
        if (keys.length >= 2 * INDEX_STEP) break;
      }
      return keys;
    });
  }

  /** One turn of the event loop sees one snapshot. */
  #read<T>(index: IndexScope, read: (channel: ChannelRecord | undefined, record: IndexRecord) => T): T {
    return reading(this.#dataDir, `an index of channel ${JSON.stringify(index.channel)}`, () => {
      const record = this.#database.get(keyOf(index));
      return read(readChannel(this.#database, index.channel), record ? decodeIndex(record) : NEW_INDEX);
    });
  }
}

/** Numbers are given from 1. */
const NEW_INDEX: IndexRecord = { number: 0, progress: 0 };

/** Both keys of an entry. */
function entryKeys(number: number, id: number, value: Buffer): [Key, Key] {
  return [indexEventKey(number, id), indexValueKey(number, value.toString(), id)];
}

function keyOf({ channel, type, field }: IndexScope): Key {
  return indexRecordKey(channel, type, field);
}

function newIndexNumber(draft: Draft): number {
  const number = Number(draft.get(INDEX_COUNT) ?? 0) + 1;
  draft.set(INDEX_COUNT, Buffer.from(String(number)));
  return number;
}

function decodeDefinition(id: string, value: Buffer): IndexDefinition {
  const { channel, field } = JSON.parse(value.toString()) as Omit<IndexDefinition, 'id'>;
  return { id, channel, field };
}
