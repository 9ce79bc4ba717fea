import { resolve } from 'node:path';
import {
  type ChannelAddress,
  type EventHeader,
  type EventInput,
  EventsError,
  type IndexDefinition,
  MAX_NAME_LENGTH,
  parseChannel,
} from '@ganomede/events-protocol';
import {
  type AppendOptions,
  type EventPage,
  type EventStore,
  type IndexCursor,
  IndexReader,
  type IndexRows,
  idempotencyRecord,
  idempotencyWindow,
  type LatestCursor,
  LiveChannels,
  serialiseEvents,
  type PollOptions,
  poll,
  type ReadCursor,
  type Retention,
  type StoreHooks,
  type StoreOptions,
  storeClosed,
} from '@ganomede/events-store';
import { type Appended, planAppend } from './append.js';
import { CommitQueue } from './commit-queue.js';
import { createDirectory, Database } from './database.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { IdempotencyKeys, type Outcome } from './idempotency-keys.js';
import { Indices } from './indices.js';
import { cursorKey } from './keys.js';
import { readEvents } from './read.js';
import { readLatest } from './read-latest.js';
import { cannotRead } from './storage-error.js';
import { Sweeper } from './sweeper.js';

export interface LmdbStoreOptions extends StoreOptions {
  /** The directory of the events, created where it does not exist. One open store at a time may use it. */
  readonly dataDir: string;
}

/**
 * Opens the event store embedded in this process, on the files in `dataDir`.
 *
 * A write (`append`, `saveCursor`) resolves once it is synced to disk; writes that run at the same time share
 * one sync. After a crash or `kill -9` the directory is opened again as it is, with every write that resolved.
 * While the disk is full writes reject with `ServiceUnavailable`, reads go on, no id is used up, and writes
 * succeed again once there is room.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) where the directory cannot be created or written, is
 * used by another store, or holds a damaged or foreign data file. The message names the directory.
 * @throws RangeError (as a rejection) where an option is invalid.
 */
export async function openLmdbStore({ dataDir, ...options }: LmdbStoreOptions): Promise<EventStore> {
  const path = resolve(dataDir);
  const windowMs = idempotencyWindow(options);
  createDirectory(path);
  const lock = lockDirectory(path);
  try {
    return new LmdbStore(path, lock, new Database(path), windowMs, options);
  } catch (error) {
    lock.release();
    throw error;
  }
}

class LmdbStore implements EventStore {
  readonly hooks: StoreHooks;
  /** Every event passes through this process: nothing to subscribe to. */
  readonly live = new LiveChannels();
  readonly #dataDir: string;
  readonly #lock: DirectoryLock;
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #retention: Retention;
  readonly #sweeper: Sweeper;
  readonly #idempotencyKeys: IdempotencyKeys;
  readonly #indices: Indices;
  readonly #indexReader: IndexReader;
  readonly #typedChannels: boolean;
  #closing: Promise<void> | undefined;

  constructor(
    dataDir: string,
    lock: DirectoryLock,
    database: Database,
    windowMs: number,
    options: StoreOptions,
  ) {
    this.#dataDir = dataDir;
    this.#lock = lock;
    this.#database = database;
    this.#commits = new CommitQueue(database, dataDir);
    this.#retention = options.retention ?? {};
    this.#sweeper = new Sweeper(database, this.#commits, this.#retention, (channel, firstId) =>
      this.live.drop(channel, firstId),
    );
    this.#sweeper.start();
    this.#idempotencyKeys = new IdempotencyKeys(database, this.#commits, windowMs);
    this.#idempotencyKeys.sweep();
    this.#indices = new Indices(database, this.#commits, dataDir, (name) => this.#address(name));
    this.#indexReader = new IndexReader(this.#indices, (cursor) => this.read(cursor));
    this.#typedChannels = options.typedChannels ?? true;
    this.hooks = options.hooks ?? {};
  }

  get waiting(): number {
    return this.live.waiting;
  }

  async append(
    name: string,
    inputs: readonly EventInput[],
    { idempotency }: AppendOptions = {},
  ): Promise<EventHeader[]> {
    const { channel } = this.#address(name);
    // Serialised before it is queued: what has no JSON text fails alone.
    const events = serialiseEvents(name, inputs, this.#typedChannels);
    if (events.length === 0) return [];
    const mark = idempotency && idempotencyRecord(name, idempotency, events);
    const outcome = await this.#commits.write<Outcome>({
      subject: `${events.length} event(s) of channel ${JSON.stringify(name)}`,
      bytes: events.reduce((sum, { text }) => sum + text.length, 0),
      plan: (draft) => {
        const append = () => planAppend(draft, channel, events, this.#retention);
        if (mark) return this.#idempotencyKeys.plan(draft, mark, events.length, append);
        const appended = append();
        return { kind: 'appended', headers: appended.headers, appended };
      },
      committed: (done) => {
        if (done.kind === 'appended') this.#appended(channel, done.appended);
      },
    });
    if (mark) this.#idempotencyKeys.sweep();
    if (outcome.kind === 'rejected') throw outcome.error;
    return outcome.headers;
  }

  async read(cursor: ReadCursor): Promise<EventPage> {
    const address = this.#address(cursor.channel);
    try {
      return readEvents(this.#database, address, cursor);
    } catch (cause) {
      throw cannotRead(this.#dataDir, `channel ${JSON.stringify(cursor.channel)}`, cause);
    }
  }

  async latest(cursor: LatestCursor): Promise<EventPage> {
    const address = this.#address(cursor.channel);
    try {
      return readLatest(this.#database, address, cursor);
    } catch (cause) {
      throw cannotRead(this.#dataDir, `channel ${JSON.stringify(cursor.channel)}`, cause);
    }
  }

  poll(cursor: ReadCursor, options: PollOptions): Promise<EventPage> {
    // Not `async`, as thousands may wait.
    try {
      return poll(this, this.#address(cursor.channel), cursor, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async loadCursor(clientId: string, name: string): Promise<number> {
    this.#address(name);
    try {
      return Number(this.#database.get(cursorKey(clientId, name)) ?? 0);
    } catch (cause) {
      throw cannotRead(this.#dataDir, `the cursor of ${JSON.stringify(clientId)}`, cause);
    }
  }

  async saveCursor(clientId: string, name: string, after: number): Promise<void> {
    this.#address(name);
    assertLength('Client ID', clientId);
    const key = cursorKey(clientId, name);
    const value = Buffer.from(String(after));
    await this.#commits.write({
      subject: `the cursor of ${JSON.stringify(clientId)} on channel ${JSON.stringify(name)}`,
      bytes: value.length,
      // A consumer that polls again at the same place costs no commit.
      plan: (draft) => {
        if (!draft.get(key)?.equals(value)) draft.set(key, value);
      },
    });
  }

  async createIndex(index: IndexDefinition): Promise<void> {
    this.#address(index.channel);
    assertLength('index ID', index.id);
    assertLength('field', index.field);
    await this.#indices.create(index);
  }

  async indices(): Promise<IndexDefinition[]> {
    this.#assertOpen();
    return this.#indices.definitions();
  }

  async readIndex(cursor: IndexCursor): Promise<IndexRows> {
    this.#assertOpen();
    return this.#indexReader.read(cursor);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.live.close();
    await this.#sweeper.close();
    await this.#idempotencyKeys.close();
    await this.#commits.close();
    try {
      await this.#database.close();
    } finally {
      this.#lock.release();
    }
  }

  #appended(channel: string, { tail, firstId }: Appended): void {
    this.live.push(channel, tail, firstId);
  }

  /** Where a channel name points to, in a store that is open. */
  #address(name: string): ChannelAddress {
    this.#assertOpen();
    assertLength('Channel', name);
    return parseChannel(name, this.#typedChannels);
  }

  #assertOpen(): void {
    if (this.#closing) throw storeClosed();
  }
}

/** A longer name could make a key that LMDB does not take, when others share the commit already. */
function assertLength(what: string, name: string): void {
  if (name.length <= MAX_NAME_LENGTH) return;
  throw new EventsError(
    'InvalidContent',
    `Invalid ${what}: expected at most ${MAX_NAME_LENGTH} characters, got ${name.length}`,
  );
}
