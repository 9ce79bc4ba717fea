import type { ConsumerScope, CursorStorage, SavedCursor } from '@ganomede/events-store';
import { decodeChecked, encodeChecked } from './checked-text.js';
import type { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { cursorKey, type Key } from './keys.js';
import { reading } from './storage-error.js';

/** The cursors of consumers. One that is saved where it is already costs no commit. */
export class Cursors implements CursorStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;

  constructor(database: Database, commits: CommitQueue, dataDir: string) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
  }

  async load(consumer: ConsumerScope): Promise<SavedCursor | undefined> {
    return reading(this.#dataDir, `the cursor of ${JSON.stringify(consumer.clientId)}`, () => {
      const key = keyOf(consumer);
      const stored = this.#database.get(key);
      return stored && decodeCursor(key, stored);
    });
  }

  async save(consumer: ConsumerScope, after: number, given: string | undefined): Promise<string | undefined> {
    const { clientId, channel } = consumer;
    const key = keyOf(consumer);
    return this.#commits.write({
      subject: `the cursor of ${JSON.stringify(clientId)} on channel ${JSON.stringify(channel)}`,
      bytes: 64,
      // A poll is answered once its cursor is saved.
      fromReserve: true,
      plan: (draft) => {
        const stored = draft.get(key);
        // One that is damaged is replaced.
        const known = stored && readCursor(key, stored);
        const epoch = given ?? known?.epoch;
        if (known?.after !== after) draft.set(key, encodeCursor(key, { after, savedAt: Date.now(), epoch }));
        else if (known.epoch !== epoch) draft.set(key, encodeCursor(key, { ...known, epoch }));
        return epoch;
      },
    });
  }

  async create(consumer: ConsumerScope, after: number, epoch: string | undefined): Promise<SavedCursor> {
    const key = keyOf(consumer);
    return this.#commits.write({
      subject: `the first cursor of ${JSON.stringify(consumer.clientId)}`,
      bytes: 64,
      fromReserve: true,
      plan: (draft) => {
        const stored = draft.get(key);
        if (stored) return decodeCursor(key, stored);
        const cursor = { after, savedAt: Date.now(), epoch };
        draft.set(key, encodeCursor(key, cursor));
        return cursor;
      },
    });
  }

  async setEpoch(consumer: ConsumerScope, after: number, epoch: string): Promise<void> {
    const key = keyOf(consumer);
    await this.#commits.write({
      subject: `the epoch of the cursor of ${JSON.stringify(consumer.clientId)}`,
      bytes: 64,
      fromReserve: true,
      plan: (draft) => {
        const stored = draft.get(key);
        const known = stored && readCursor(key, stored);
        if (known?.after !== after || known.epoch === epoch) return;
        draft.set(key, encodeCursor(key, { ...known, epoch }));
      },
    });
  }
}

function keyOf({ clientId, channel, type }: ConsumerScope): Key {
  return cursorKey(type === undefined ? channel : `${channel}:${type}`, clientId);
}

/** Of cursors from before they had a checksum. */
const FORMER = /^\d{1,16}(?: \d{0,16}(?: [0-9a-z-]*)?)?$/;

/** Stored as `<after> <saved at> <epoch>`, with a checksum; empty is what is not known. */
export function encodeCursor(key: Key, { after, savedAt, epoch }: SavedCursor): Buffer {
  return encodeChecked(`${after} ${savedAt ?? ''} ${epoch ?? ''}`.trimEnd(), JSON.stringify(key));
}

/** @throws Error if it is not what was stored under this key */
export function decodeCursor(key: Key, value: Buffer): SavedCursor {
  const cursor = readCursor(key, value);
  if (cursor) return cursor;
  const [, name, clientId] = key.map((part) => JSON.stringify(part));
  throw new Error(`events.mdb is damaged: the cursor of ${clientId} on ${name} is not as it was stored`);
}

function readCursor(key: Key, value: Buffer): SavedCursor | undefined {
  const text = decodeChecked(value, JSON.stringify(key), FORMER);
  if (text === undefined) return undefined;
  const [after, savedAt, epoch] = text.split(' ');
  return { after: Number(after), savedAt: savedAt ? Number(savedAt) : undefined, epoch: epoch || undefined };
}
