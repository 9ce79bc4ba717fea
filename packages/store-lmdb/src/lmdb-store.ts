import { type EventStore, openEventStore, type StoreOptions } from '@ganomede/events-store';
import { LmdbStorage } from './lmdb-storage.js';

export interface LmdbStoreOptions extends StoreOptions {
  /** The directory of the events, created if it does not exist. One open store at a time may use it. */
  readonly dataDir: string;
}

/**
 * Opens the event store embedded in this process, on the files in `dataDir`.
 *
 * A write (`append`, `saveCursor`) resolves once it is synced to disk; writes that run at the same time share
 * one sync. After a crash or `kill -9` the directory is opened again as it is, with every write that resolved.
 * While the disk is full writes reject with `ServiceUnavailable`, reads go on, no id is used up, and writes
 * succeed again once there is room. A directory of an earlier version is brought over.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if the directory cannot be created or written, is
 * used by another store, or holds a damaged or foreign data file. The message names the directory.
 * @throws RangeError (as a rejection) if an option is invalid.
 */
export function openLmdbStore({ dataDir, ...options }: LmdbStoreOptions): Promise<EventStore> {
  return openEventStore(() => LmdbStorage.open(dataDir), options);
}
