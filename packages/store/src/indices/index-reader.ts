import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Event, IndexDefinition } from '@ganomede/events-protocol';
import { Batchers } from '../batcher.js';
import type { EventPage } from '../events/event-page.js';
import type { IndexEntry, IndexScope, Storage } from '../storage.js';
import { unknownIndex } from './index-definition.js';
import { indexedValue, indexKey } from './index-value.js';

/** Most events that an index takes in one step. A store trims as many at least, so that an index does not grow for ever. */
export const INDEX_STEP = 1_000;
/** As many while nobody waits for it, so that writes are not held up for long. */
const GENTLE_STEP = INDEX_STEP / 4;
/** After such a step others have as much time as it took, but no more than this, milliseconds: who comes to wait is not to wait for that. */
const MAX_PAUSE_MS = 100;
/** After so many bytes of events others have their turn on the event loop. */
const SLICE_BYTES = 256 * 1024;

/** What to look for in an index. */
export interface IndexCursor {
  /** Id of the index. */
  readonly id: string;
  /** The string that the field is to be; the JSON text of a number or a boolean. */
  readonly value: string;
  /** Most events to return, at least 1. */
  readonly limit: number;
  /** Only events with a lower id; default: all. */
  readonly before?: number | undefined;
}

export interface ReadIndexOptions {
  /** Called with the definition before anything is read or written; what it throws is what the read rejects with. */
  readonly allow?: ((index: IndexDefinition) => void) | undefined;
}

export interface IndexRows {
  readonly index: IndexDefinition;
  /** Newest first. */
  readonly rows: EventPage;
}

interface Waiting {
  readonly index: IndexScope;
  readonly bytes: 0;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Indices that catch up with their channels when they are read: an append costs nothing more, and an index that was
 * defined late has the events from before. A new one of a long channel begins before that, gently. Readers on several servers may work on one index at once; the one whose
 * step comes second goes on from where the other has brought it.
 */
export class IndexReader {
  readonly #storage: Pick<Storage, 'indices' | 'scan'>;
  readonly #scopeOf: (index: IndexDefinition) => IndexScope;
  readonly #assertOpen: () => void;
  /** By channel, type and field. */
  readonly #queues = new Batchers<Waiting>((_name, waiting) => this.#serve(waiting), {
    items: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
  });

  /** How many wait for an index, by the same. */
  readonly #readers = new Map<string, number>();

  /** `scopeOf` says where an index lies; `assertOpen` throws if the store is closed, which ends a catch-up at its next step. */
  constructor(
    storage: Pick<Storage, 'indices' | 'scan'>,
    scopeOf: (index: IndexDefinition) => IndexScope,
    assertOpen: () => void,
  ) {
    this.#storage = storage;
    this.#scopeOf = scopeOf;
    this.#assertOpen = assertOpen;
  }

  /** @throws EventsError `ResourceNotFound` (as a rejection) if there is no such index. */
  async read({ id, value, limit, before }: IndexCursor, { allow }: ReadIndexOptions): Promise<IndexRows> {
    const index = await this.#storage.indices.definition(id);
    if (index === undefined) throw unknownIndex(id);
    allow?.(index);
    const scope = this.#scopeOf(index);
    await this.#awaited(scope);
    return { index, rows: await this.#storage.indices.rows(scope, indexKey(value), { limit, before }) };
  }

  /** Brings an index up to date in the background, while others go first. If it fails the next read goes on. */
  build(index: IndexDefinition): void {
    this.#caughtUp(this.#scopeOf(index)).catch(() => {});
  }

  /** Resolves once no index is being brought up to date. */
  idle(): Promise<void> {
    return this.#queues.idle();
  }

  /** Resolves as `#caughtUp` does, in a hurry. */
  async #awaited(index: IndexScope): Promise<void> {
    const key = keyOf(index);
    this.#readers.set(key, (this.#readers.get(key) ?? 0) + 1);
    try {
      await this.#caughtUp(index);
    } finally {
      const left = (this.#readers.get(key) ?? 1) - 1;
      if (left > 0) this.#readers.set(key, left);
      else this.#readers.delete(key);
    }
  }

  /** Resolves once the index has looked at every event that was there at the call. Who calls meanwhile shares the next run. */
  #caughtUp(index: IndexScope): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#queues.push(keyOf(index), { index, bytes: 0, resolve, reject }),
    );
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
  async #catchUp(index: IndexScope): Promise<void> {
    const { channel, type, field } = index;
    const { indices } = this.#storage;
    let progress = await indices.progress(index);
    let end = Number.POSITIVE_INFINITY;
    while (progress < end) {
      this.#assertOpen();
      const started = performance.now();
      const limit = this.#isAwaited(index) ? INDEX_STEP : GENTLE_STEP;
      const [page] = await Promise.all([
        this.#storage.scan({ channel, type, after: progress, limit, skipsDamaged: true }),
        indices.trim(index),
      ]);
      end = Math.min(end, page.lastId);
      if (progress >= end) return;
      // If a type ends before its channel, the next read finds nothing.
      const { entries, lastId = page.lastId } = await take(page, field);
      const { redactions = 0 } = page;
      progress = await indices.advance(index, { from: progress, to: lastId, entries, redactions });
      if (progress >= end || this.#isAwaited(index)) continue;
      await delay(Math.min(performance.now() - started, MAX_PAUSE_MS));
    }
  }

  #isAwaited(index: IndexScope): boolean {
    return this.#readers.has(keyOf(index));
  }
}

function keyOf({ channel, type, field }: IndexScope): string {
  return JSON.stringify([channel, type, field]);
}

/** What an index of a field takes from events, and the id of the last of them. */
async function take(
  { texts }: EventPage,
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
