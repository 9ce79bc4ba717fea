import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { Change, Entry } from './change.js';
import { checkDataFile } from './check-data-file.js';
import { DataFiles } from './data-files.js';
import { DiskSpace } from './disk-space.js';
import { channelKey, eventKey, type Key, typeKey } from './keys.js';
import { ROOT_PAGES } from './page-marks.js';
import { cannotOpen } from './storage-error.js';

/** What the smallest append changes: an event, its type, its channel. */
const SMALLEST: readonly Change[] = [eventKey(1, 1), typeKey(1, '', 1), channelKey(1)].map((key) => ({
  key,
  value: Buffer.alloc(0),
}));

/** The one LMDB environment of a store: ordered keys, values of bytes. */
export class Database {
  readonly #root: RootDatabase<Buffer, Key>;
  readonly #files: DataFiles;
  readonly #disk: DiskSpace;

  /**
   * Opens `<dataDir>/events.mdb`, or creates it; the directory is locked. `reserveBytes` of its disk are kept free.
   *
   * @throws EventsError `ServiceUnavailable` if the file is something else or is damaged
   */
  constructor(dataDir: string, reserveBytes: number) {
    checkDataFile(dataDir);
    try {
      this.#root = open<Buffer, Key>({
        path: join(dataDir, 'events.mdb'),
        noSubdir: true,
        encoding: 'binary',
        // A commit then calls fdatasync for the pages and writes the root with O_DSYNC before its promise resolves
        // (seen with strace), so resolved means on disk.
        overlappingSync: false,
        // Every write goes through `commit`; otherwise lmdb makes promises of its own, which reject unhandled
        // if a commit fails.
        eventTurnBatching: false,
      });
    } catch (cause) {
      throw cannotOpen(dataDir, 'events.mdb cannot be opened', cause);
    }
    this.#files = new DataFiles(dataDir);
    this.#disk = new DiskSpace(
      dataDir,
      reserveBytes,
      (this.#root.getStats() as { pageSize: number }).pageSize,
    );
  }

  get(key: Key): Buffer | undefined {
    const found = this.peek(key);
    return found && Buffer.from(found);
  }

  /** As `get`, in memory that the next call uses again: whoever keeps something copies it. */
  peek(key: Key): Buffer | undefined {
    const found = this.#root.getBinaryFast(key);
    return found?.subarray(0, found.length);
  }

  /** The first entries from `start` to before `end`, in the order of their keys. */
  range(start: Key, end: Key, limit = Number.POSITIVE_INFINITY): Iterable<Entry> {
    return this.#root.getRange({ start, end, limit });
  }

  /** How many entries there are from `start` to before `end`. Walks over them, at ten million a second. */
  count(start: Key, end: Key): number {
    return this.#root.getKeysCount({ start, end });
  }

  /** The keys alone of the first entries from `start` to before `end`: values, which may be large, are not read. */
  keys(start: Key, end: Key, limit = Number.POSITIVE_INFINITY): Iterable<Key> {
    return this.#root.getKeys({ start, end, limit });
  }

  /** Entries from `start` down to above `end`, in the opposite order of their keys. */
  rangeBackward(start: Key, end: Key): Iterable<Entry> {
    return this.#root.getRange({ start: start, end: end, reverse: true });
  }

  /**
   * Makes all changes in one transaction, or none. Resolves once they are on disk and every `get` sees them.
   * No other commit may be running. Rejects with `NoRoom` if it would need the reserve of the disk (`fromReserve`: more than
   * half of it), and if a file of the store is no longer where it was. Calls `begun` once there is nothing left that refuses it:
   * only an error of the disk keeps it from coming to its end.
   */
  async commit(
    changes: readonly Change[],
    { fromReserve, begun }: { readonly fromReserve: boolean; readonly begun?: () => void },
  ): Promise<void> {
    this.assertPresent();
    this.#disk.assertRoom(changes, fromReserve);
    try {
      const committing = this.#root.batch(() => {
        for (const { key, value } of changes) {
          if (value === undefined) this.#root.remove(key);
          else this.#root.put(key, value);
        }
      });
      begun?.();
      await committing;
    } catch (error) {
      // lmdb tells the reason in a second promise.
      await (error as { commitError?: Promise<never> }).commitError;
      throw error;
    }
    // It may have gone meanwhile.
    this.assertPresent();
  }

  /** @throws Error if an append would be refused: a file of the store is no longer where it was, or the disk is nearly full */
  assertTakesAppends(): void {
    this.assertPresent();
    this.#disk.assertRoom(SMALLEST, false);
  }

  /** @throws Error if a file of the store has been deleted, moved or replaced */
  assertPresent(): void {
    this.#files.assertPresent();
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  /** Size of a copy without free pages. */
  get usedBytes(): number {
    const stats = this.#root.getStats() as {
      pageSize: number;
      treeBranchPageCount: number;
      treeLeafPageCount: number;
      overflowPages: number;
    };
    const { treeBranchPageCount, treeLeafPageCount, overflowPages } = stats;
    return stats.pageSize * (ROOT_PAGES + treeBranchPageCount + treeLeafPageCount + overflowPages);
  }

  /** Writes a copy without free pages to a file that does not exist. */
  copyTo(path: string): Promise<void> {
    return this.#root.backup(path, true);
  }

  get isEmpty(): boolean {
    for (const _ of this.#root.getKeys({ limit: 1 })) return false;
    return true;
  }

  /** Writes the first entry of a new file, and makes the names of the file and of its directory as durable as what is in them. */
  putFirst({ key, value }: Entry, dataDir: string): void {
    this.#root.putSync(key, value);
    syncDirectory(dataDir);
    syncDirectory(dirname(dataDir));
  }
}

/** Creates the directory of a store if it does not exist. */
export function createDirectory(dataDir: string): void {
  try {
    // Events are for nobody else on this machine.
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw cannotOpen(dataDir, 'the directory cannot be created', cause);
  }
}

/** Makes the name of a new file as durable as what is in it. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
