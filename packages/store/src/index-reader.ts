import { setImmediate } from 'node:timers/promises';
import type { Event, IndexDefinition } from '@ganomede/events-protocol';
import type { EventBatch } from './event-batch.js';
import type { EventStore, IndexCursor, IndexRows, LatestCursor } from './event-store.js';
import { GroupQueues } from './group-queue.js';
import { unknownIndex } from './index-definition.js';
import { indexedValue, indexKey } from './index-value.js';

/** Most events that an index takes in one step. A store trims as many at least, so that an index does not grow for ever. */
export const INDEX_STEP = 1_000;
/** After so many bytes of events others have their turn on the event loop. */
const SLICE_BYTES = 256 * 1024;

/** An event that has a value. */
export interface IndexEntry {
  readonly id: number;
  /** Stands for the value, see `indexKey`. */
  readonly key: string;
}

/** Events that an index has looked at. */
export interface IndexStep {
  /** Id of the last event that it had looked at before. */
  readonly from: number;
  /** Id of the last event that it has looked at now. */
  readonly to: number;
  /** Those of the events that have a value, ascending by id. */
  readonly entries: readonly IndexEntry[];
}

/**
 * Where a store keeps its indices. What an index holds follows from its channel and field; it may be shared by
 * definitions that have both in common.
 */
export interface IndexStorage {
  definition(id: string): Promise<IndexDefinition | undefined>;

  /** Id of the last event that the index has looked at, 0 where it is new. */
  position(index: IndexDefinition): Promise<number>;

  /**
   * Adds the entries and moves the position, both or neither, where it is at `from` still. Resolves with the position
   * as it is then: `to`, or where somebody else has moved it.
   */
  advance(index: IndexDefinition, step: IndexStep): Promise<number>;

  /** Removes entries of events that the channel has dropped: about `INDEX_STEP` of them. Called at each step. */
  trim(index: IndexDefinition): Promise<void>;

  /** The events that have the value and are kept, newest first, bounded as those of `latest`. */
  rows(index: IndexDefinition, key: string, cursor: Omit<LatestCursor, 'channel'>): Promise<EventBatch>;
}

interface Waiting {
  readonly index: IndexDefinition;
  readonly bytes: 0;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Indices that catch up with their channels when they are read: an append costs nothing more, and an index that was
 * defined late has the events from before. Readers on several servers may work on one index at once; the one whose
 * step comes second goes on from where the other has brought it.
 */
export class IndexReader {
  readonly #storage: IndexStorage;
  readonly #read: EventStore['read'];
  /** By channel name and field. */
  readonly #queues = new GroupQueues<Waiting>((_name, waiting) => this.#serve(waiting), {
    items: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
  });

  constructor(storage: IndexStorage, read: EventStore['read']) {
    this.#storage = storage;
    this.#read = read;
  }

  /** @throws EventsError `ResourceNotFound` (as a rejection) where there is no such index. */
  async read({ id, value, limit, before }: IndexCursor): Promise<IndexRows> {
    const index = await this.#storage.definition(id);
    if (index === undefined) throw unknownIndex(id);
    await this.#caughtUp(index);
    return { index, rows: await this.#storage.rows(index, indexKey(value), { limit, before }) };
  }

  /** Resolves once the index has looked at every event that was there at the call. Who calls meanwhile shares the next run. */
  #caughtUp(index: IndexDefinition): Promise<void> {
    const key = JSON.stringify([index.channel, index.field]);
    return new Promise((resolve, reject) => this.#queues.push(key, { index, bytes: 0, resolve, reject }));
  }

  /** All of them wait for the same index. */
  async #serve(waiting: readonly Waiting[]): Promise<void> {
    try {
      if (waiting[0]) await this.#catchUp(waiting[0].index);
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** Ends at the newest id of its first read, so that it ends under load. */
  async #catchUp(index: IndexDefinition): Promise<void> {
    const { channel, field } = index;
    let position = await this.#storage.position(index);
    let end = Number.POSITIVE_INFINITY;
    while (position < end) {
      const [batch] = await Promise.all([
        this.#read({ channel, after: position, limit: INDEX_STEP }),
        this.#storage.trim(index),
      ]);
      end = Math.min(end, batch.lastId);
      if (position >= end) return;
      // Where a type ends before its channel, the next read finds nothing.
      const { entries, lastId = batch.lastId } = await take(batch, field);
      position = await this.#storage.advance(index, { from: position, to: lastId, entries });
    }
  }
}

/** What an index of a field takes from events, and the id of the last of them. */
async function take(
  { texts }: EventBatch,
  field: string,
): Promise<{ entries: IndexEntry[]; lastId: number | undefined }> {
  const entries: IndexEntry[] = [];
  let lastId: number | undefined;
  let bytes = 0;
  for (const text of texts) {
    const event = JSON.parse(text.toString()) as Event;
    lastId = event.id;
    const value = indexedValue(event, field);
    if (value !== undefined) entries.push({ id: event.id, key: indexKey(value) });
    bytes += text.length;
    if (bytes >= SLICE_BYTES) {
      bytes = 0;
      await setImmediate();
    }
  }
  return { entries, lastId };
}
