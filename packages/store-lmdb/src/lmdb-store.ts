import { type EventStore, openEventStore, type Storage, type StoreOptions } from '@ganomede/events-store';
import { DEFAULT_RESERVE_BYTES, LmdbStorage } from './lmdb-storage.js';

export interface LmdbStoreOptions extends StoreOptions {
  /** The directory of the events, created if it does not exist. One open store at a time may use it. */
  readonly dataDir: string;
  /**
   * How much of the disk is kept free, bytes, an integer from 0: writes that would need it are refused. Saving a cursor, and what
   * gives room back, may use half of it. Default 64 MiB.
   */
  readonly diskReserveBytes?: number | undefined;
}

/**
 * Opens the event store embedded in this process, on the files in `dataDir`.
 *
 * A write (`append`, `saveCursor`) resolves once it is synced to disk; writes that run at the same time share
 * one sync. After a crash or `kill -9` the directory is opened again as it is, with every write that resolved.
 * While the disk is nearly full appends reject with `ServiceUnavailable`, reads go on, no id is used up, and writes
 * succeed again once there is room. Once the directory, or a file in it, was deleted they reject likewise. A directory of an earlier version is brought over.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if the directory cannot be created or written, is
 * used by another store, or holds a damaged or foreign data file. The message names the directory.
 * @throws RangeError (as a rejection) if an option is invalid.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<EventStore> {
  return openEventStore(() => openLmdbStorage(options), options);
}

/**
 * Opens the engine of that store alone, for those who copy what it holds (`exportStore`, `importStore`). Close it.
 *
 * @throws what `openLmdbStore` does
 */
export async function openLmdbStorage({
  dataDir,
  diskReserveBytes = DEFAULT_RESERVE_BYTES,
}: Pick<LmdbStoreOptions, 'dataDir' | 'diskReserveBytes'>): Promise<Storage> {
  if (!Number.isSafeInteger(diskReserveBytes) || diskReserveBytes < 0) {
    throw new RangeError(`Invalid diskReserveBytes: expected an integer from 0, got ${diskReserveBytes}`);
  }
  return LmdbStorage.open(dataDir, diskReserveBytes);
}
