import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type Append,
  type AppendOutcome,
  type EventPage,
  type Scan,
  SteadyClock,
  type Storage,
  type StorageListener,
  Timestamps,
} from '@ganomede/events-store';
import { type Clocks, planAppend } from './append.js';
import { Channels } from './channels.js';
import { CommitQueue } from './commit-queue.js';
import { Cursors } from './cursors.js';
import { COMPACTING } from './data-files.js';
import { createDirectory, Database } from './database.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { bringToFormat } from './format-version.js';
import { Groups } from './groups.js';
import { boundWindows, ExpiredRecords, expiriesOf } from './idempotency-records.js';
import { Indices } from './indices.js';
import type { Expiries } from './keys.js';
import { findEvents, scanEvents } from './scan.js';
import { cannotUse, reading } from './storage-error.js';
import { Transfer } from './transfer.js';

/** Enough for the largest commit, and for what another program writes meanwhile. */
export const DEFAULT_RESERVE_BYTES = 64 * 1024 * 1024;

/** Events, cursors, indices and groups in one LMDB file of this machine. Its keys are in keys.ts. */
export class LmdbStorage implements Storage {
  readonly cursors: Cursors;
  readonly indices: Indices;
  readonly channels: Channels;
  readonly groups: Groups;
  readonly transfer: Transfer;
  readonly #dataDir: string;
  readonly #lock: DirectoryLock;
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #clocks: Clocks = { timestamps: new Timestamps(), steady: new SteadyClock() };
  readonly #expired: ExpiredRecords;
  readonly #term = randomBytes(5).toString('hex');
  readonly #boundedWindows = new Set<Expiries>();
  #listener: StorageListener | undefined;

  private constructor(dataDir: string, lock: DirectoryLock, database: Database) {
    this.#dataDir = dataDir;
    this.#lock = lock;
    this.#database = database;
    this.#commits = new CommitQueue(database, dataDir);
    this.#expired = new ExpiredRecords(database, this.#commits, this.#clocks.steady);
    this.#expired.remove();
    this.cursors = new Cursors(database, this.#commits, dataDir);
    this.indices = new Indices(database, this.#commits, dataDir);
    this.channels = new Channels({ database, commits: this.#commits, dataDir }, this.cursors, {
      trimmed: (channel, firstId) => this.#listener?.trimmed(channel, firstId),
      missed: (channel) => this.#listener?.missed(channel),
    });
    this.groups = new Groups(database, this.#commits, dataDir, this.#clocks.steady, (channel) =>
      this.#listener?.released(channel),
    );
    this.transfer = new Transfer({ database, commits: this.#commits, dataDir }, this.groups, (channel) =>
      this.#listener?.missed(channel),
    );
  }

  /** @throws EventsError `ServiceUnavailable` (as a rejection) if the directory cannot be used */
  static async open(dataDir: string, reserveBytes = DEFAULT_RESERVE_BYTES): Promise<LmdbStorage> {
    const path = resolve(dataDir);
    createDirectory(path);
    const lock = lockDirectory(path);
    let database: Database | undefined;
    try {
      // A compaction that was killed has left it.
      rmSync(join(path, COMPACTING), { recursive: true, force: true });
      database = new Database(path, reserveBytes);
      await bringToFormat(database, path);
      return new LmdbStorage(path, lock, database);
    } catch (error) {
      await database?.close().catch(() => {});
      lock.release();
      throw error;
    }
  }

  listen(listener: StorageListener): void {
    this.#listener = listener;
  }

  async append(append: Append): Promise<AppendOutcome> {
    const { channel, events, bytes, idempotency } = append;
    if (idempotency) this.#boundWindows(idempotency.windowMs);
    const { outcome } = await this.#commits.write({
      subject: `${events.length} event(s) of channel ${JSON.stringify(channel)}`,
      bytes,
      sequence: channel,
      plan: (draft) => planAppend(draft, append, this.#clocks, this.#term),
      committed: ({ appended }) => {
        if (!appended) return;
        this.#listener?.appended(channel, appended.tail, appended.epoch, appended.firstId);
        if (appended.dropped) this.channels.removeDropped(channel);
      },
    });
    if (idempotency) this.#expired.remove();
    return outcome;
  }

  /** Once: what is stored from then on is bounded by the same window. */
  #boundWindows(windowMs: number): void {
    const expiries = expiriesOf(windowMs);
    if (this.#boundedWindows.has(expiries)) return;
    reading(this.#dataDir, 'the windows of idempotency keys', () =>
      boundWindows(this.#database, this.#clocks.steady, windowMs),
    );
    this.#boundedWindows.add(expiries);
  }

  async scan(scan: Scan): Promise<EventPage> {
    return reading(this.#dataDir, `channel ${JSON.stringify(scan.channel)}`, () =>
      scanEvents(this.#database, scan),
    );
  }

  async eventsById(channel: string, ids: readonly number[]): Promise<(Buffer | undefined)[]> {
    return reading(this.#dataDir, `channel ${JSON.stringify(channel)}`, () =>
      findEvents(this.#database, channel, ids),
    );
  }

  async ping(): Promise<void> {
    try {
      this.#database.assertTakesAppends();
    } catch (cause) {
      throw cannotUse(this.#dataDir, cause);
    }
  }

  async close(): Promise<void> {
    try {
      await Promise.all([this.#expired.close(), this.channels.close()]);
      await this.#commits.idle();
      await this.#database.close();
    } finally {
      this.#lock.release();
    }
  }
}
