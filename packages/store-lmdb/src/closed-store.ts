import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkDataFile } from './check-data-file.js';
import { lockDirectory } from './directory-lock.js';
import { cannotOpen } from './storage-error.js';

/**
 * Works in the directory of a store that is not open, and keeps it from being opened meanwhile. Every page has been looked
 * at before.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if there is no store, it is in use, or pages of its data file
 * are damaged; the message says which
 */
export async function inClosedStore<T>(dataDir: string, work: (path: string) => Promise<T>): Promise<T> {
  const path = resolve(dataDir);
  if (!existsSync(join(path, 'events.mdb'))) throw cannotOpen(path, 'it has no events.mdb');
  const lock = lockDirectory(path);
  try {
    checkDataFile(path, { allPages: true });
    return await work(path);
  } finally {
    lock.release();
  }
}
