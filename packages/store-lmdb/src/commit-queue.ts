import { Batcher } from '@ganomede/events-store';
import type { Change } from './change.js';
import { type ChannelRecord, encodeChannel, readChannel } from './channel-record.js';
import type { Database } from './database.js';
import { NoRoom } from './disk-space.js';
import { channelKey, type Key, typeKey } from './keys.js';
import { cannotWrite } from './storage-error.js';

/** Most bytes of values that share one commit; a single write may be larger. */
const MAX_COMMIT = { items: Number.POSITIVE_INFINITY, bytes: 8 * 1024 * 1024 };

const NOTHING = Buffer.alloc(0);

/** One write: its entries become durable together. */
export interface Write<T> {
  /** What it writes, for the message of an error. */
  readonly subject: string;
  /** Roughly its size. */
  readonly bytes: number;
  /** May use half of the disk's reserve: it gives room back, or readers wait for it. */
  readonly fromReserve?: boolean;
  /** If this write fails, so do those of the same name that wait behind it. Default: it has none. */
  readonly sequence?: string;
  /** Adds the entries to the draft of a commit. Runs again if the disk has no room for all writes of that commit, or the plan of another one fails. */
  plan(draft: Draft): T;
  /** Called once the entries are on disk, in the order of the queue. */
  committed?(result: T): void;
  /** Whether the result may be told as soon as its commit has begun: a crash, or a commit that fails, may still undo it. */
  isToldEarly?(result: T): boolean;
}

/** The next commit, and the database as it will be after it. */
export class Draft {
  readonly #database: Database;
  readonly #changes: Change[] = [];
  readonly #later: (() => Iterable<Change>)[] = [];
  /** Written once, however often they are set or deleted, and last: what was removed and then set is there. */
  readonly #set = new Map<string, Change>();
  readonly #channels = new Map<string, ChannelRecord>();
  /** By the number of the channel and the type: the newest id that is filed under it here. */
  readonly #newestOfType = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
  }

  get(key: Key): Buffer | undefined {
    const change = this.#set.get(JSON.stringify(key));
    return change ? change.value : this.#database.get(key);
  }

  /** Writes what a later write of the same commit may read. */
  set(key: Key, value: Buffer): void {
    this.#set.set(JSON.stringify(key), { key, value });
  }

  /** Removes what a later write of the same commit may read. */
  delete(key: Key): void {
    this.#set.set(JSON.stringify(key), { key, value: undefined });
  }

  channel(name: string): ChannelRecord | undefined {
    return this.#channels.get(name) ?? readChannel(this.#database, name);
  }

  setChannel(name: string, record: ChannelRecord): void {
    this.#channels.set(name, record);
  }

  /** Writes that an event is filed under a type. Ids of a type ascend. */
  file(channelNumber: number, type: string, id: number): void {
    this.add(typeKey(channelNumber, type, id), NOTHING);
    this.#newestOfType.set(`${channelNumber} ${type}`, id);
  }

  /** The newest id that is filed under a type, also if it is no longer kept; 0 if none is there. */
  newestOfType(channelNumber: number, type: string): number {
    const newest = this.#newestOfType.get(`${channelNumber} ${type}`);
    if (newest !== undefined) return newest;
    const [start, end] = [
      typeKey(channelNumber, type, Number.MAX_SAFE_INTEGER),
      typeKey(channelNumber, type, 0),
    ];
    for (const { key } of this.#database.rangeBackward(start, end)) return key.at(-1) as number;
    return 0;
  }

  /** Writes what no write reads. */
  add(key: Key, value: Buffer): void {
    this.#changes.push({ key, value });
  }

  /** Removes what no write reads. */
  remove(key: Key): void {
    this.#changes.push({ key, value: undefined });
  }

  /** Writes what is known once all writes of the commit are planned, and what no other write reads. */
  addLater(changes: () => Iterable<Change>): void {
    this.#later.push(changes);
  }

  /** All of it. Call it once. */
  changes(): Change[] {
    for (const change of this.#set.values()) this.#changes.push(change);
    for (const changes of this.#later) for (const change of changes()) this.#changes.push(change);
    for (const [name, record] of this.#channels) {
      this.add(channelKey(record.number), encodeChannel(name, record));
    }
    return this.#changes;
  }
}

interface Queued {
  readonly subject: string;
  readonly bytes: number;
  readonly fromReserve: boolean;
  readonly sequence: string | undefined;
  readonly plan: (draft: Draft) => void;
  readonly begun: () => void;
  readonly committed: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * Group commit: what is queued while one commit runs shares the next. One commit runs at a time, so that the
 * database is the only state: a commit that fails leaves nothing to take back, and the next one starts afresh.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #dataDir: string;
  readonly #queue = new Batcher<Queued>((writes) => this.#commit(writes), MAX_COMMIT);
  #running: Promise<void> | undefined;

  constructor(database: Database, dataDir: string) {
    this.#database = database;
    this.#dataDir = dataDir;
  }

  /**
   * Resolves once the write is on disk, or is told early. Rejects with EventsError `ServiceUnavailable`; then nothing is stored,
   * unless a file of the store went away during the commit.
   */
  write<T>({ subject, bytes, fromReserve = false, sequence, ...write }: Write<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      this.#queue.push({
        subject,
        bytes,
        fromReserve,
        sequence,
        plan: (draft) => {
          result = write.plan(draft);
        },
        begun: () => {
          if (write.isToldEarly?.(result)) resolve(result);
        },
        committed: () => {
          write.committed?.(result);
          resolve(result);
        },
        failed: reject,
      });
    });
  }

  /** Resolves once what was told early is on disk, if it comes to that. */
  async told(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  /** Resolves once the writes that are queued have ended. */
  async idle(): Promise<void> {
    await this.#queue.running;
  }

  async #commit(writes: readonly Queued[]): Promise<void> {
    const { planned, changes } = this.#plan(writes);
    const reserved = planned.filter(({ fromReserve }) => fromReserve);
    const fromReserve = reserved.length === planned.length;
    try {
      if (changes.length > 0) await this.#run(changes, fromReserve, planned);
    } catch (cause) {
      const again = cause instanceof NoRoom && !fromReserve;
      const failed = planned.filter((write) => !(again && write.fromReserve));
      for (const write of [...failed, ...this.#behind(failed)]) {
        write.failed(cannotWrite(this.#dataDir, write.subject, cause));
      }
      if (again && reserved.length > 0) await this.#commit(reserved);
      return;
    }
    for (const { committed } of planned) committed();
  }

  async #run(changes: readonly Change[], fromReserve: boolean, planned: readonly Queued[]): Promise<void> {
    const begun = () => {
      for (const write of planned) write.begun();
    };
    this.#running = this.#database.commit(changes, { fromReserve, begun });
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  /** What waits behind writes that have failed. */
  #behind(failed: readonly Queued[]): Queued[] {
    const sequences = new Set(failed.map(({ sequence }) => sequence));
    return this.#queue.withdraw(({ sequence }) => sequence !== undefined && sequences.has(sequence));
  }

  /** What all writes change, but for those that fail by what they find in the database: they fail alone. */
  #plan(writes: readonly Queued[]): { planned: readonly Queued[]; changes: readonly Change[] } {
    const draft = new Draft(this.#database);
    const planned = writes.filter(({ subject, plan, failed }) => {
      try {
        plan(draft);
        return true;
      } catch (cause) {
        failed(cannotWrite(this.#dataDir, subject, cause));
        return false;
      }
    });
    // The draft may have some of what a write that failed has added.
    return planned.length < writes.length ? this.#plan(planned) : { planned, changes: draft.changes() };
  }
}
