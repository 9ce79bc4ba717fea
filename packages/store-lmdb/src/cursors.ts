import { setImmediate } from 'node:timers/promises';
import {
  type ChannelScope,
  type ConsumerScope,
  type CursorStorage,
  FirstClients,
  type ListedCursor,
  type SavedCursor,
} from '@ganomede/events-store';
import { isChannel } from './channel-record.js';
import { decodeChecked, encodeChecked } from './checked-text.js';
import type { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { CURSORS, cursorKey, cursorsEnd, type Key } from './keys.js';
import { reading } from './storage-error.js';

/** Cursors that one commit removes. */
const DELETED_AT_ONCE = 1_000;

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

  async save(
    consumer: ConsumerScope,
    after: number,
    given: string | undefined,
  ): Promise<SavedCursor | undefined> {
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
        return known;
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

  async delete(consumer: ConsumerScope): Promise<boolean> {
    const key = keyOf(consumer);
    return this.#commits.write({
      subject: `the removal of the cursor of ${JSON.stringify(consumer.clientId)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft) => {
        const stored = draft.get(key);
        if (stored !== undefined) draft.delete(key);
        return stored !== undefined;
      },
    });
  }

  async list(
    scope: ChannelScope,
    { types, after, limit }: { readonly types: boolean; readonly after: string; readonly limit: number },
  ): Promise<ListedCursor[]> {
    const first = new FirstClients({ after, limit });
    const names = types ? this.#names(scope.channel) : [scope];
    for (const { channel, type } of names) {
      const name = nameOf({ channel, type });
      reading(this.#dataDir, `the cursors on ${JSON.stringify(name)}`, () => {
        // The first one may be that of `after` itself.
        const entries = this.#database.range(cursorKey(name, after), cursorsEnd(name), limit + 1);
        for (const { key, value } of entries) {
          first.add({ ...decodeCursor(key, value), clientId: String(key[2]), type });
        }
      });
      await setImmediate();
    }
    return first.cursors;
  }

  /** Removes those on a channel and its types, some at a time. */
  async deleteAll(channel: string): Promise<void> {
    for (const scope of this.#names(channel)) {
      const name = nameOf(scope);
      for (;;) {
        const keys = reading(this.#dataDir, `the cursors on ${JSON.stringify(name)}`, () => [
          ...this.#database.keys(cursorKey(name, ''), cursorsEnd(name), DELETED_AT_ONCE),
        ]);
        if (keys.length === 0) break;
        await this.#commits.write({
          subject: `the removal of the cursors on ${JSON.stringify(name)}`,
          bytes: 0,
          fromReserve: true,
          plan: (draft) => {
            for (const key of keys) draft.delete(key);
          },
        });
      }
    }
  }

  /** A channel and those of its types that have cursors. */
  *#names(channel: string): Iterable<ChannelScope> {
    yield { channel, type: undefined };
    let from = cursorKey(`${channel}:`, '');
    for (;;) {
      const [next] = reading(this.#dataDir, 'the cursors', () => [
        ...this.#database.keys(from, CURSORS[1], 1),
      ]);
      const name = String(next?.[1]);
      if (next === undefined || !name.startsWith(`${channel}:`)) return;
      from = cursorsEnd(name);
      // Not a channel of its own: without typed channels, or one that only ends with a colon.
      const isType = name.length > channel.length + 1 && !isChannel(this.#database, name);
      if (isType) yield { channel, type: name.slice(channel.length + 1) };
    }
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
  return cursorKey(nameOf({ channel, type }), clientId);
}

function nameOf({ channel, type }: ChannelScope): string {
  return type === undefined ? channel : `${channel}:${type}`;
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
