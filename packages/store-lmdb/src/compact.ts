import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkDataFile } from './check-data-file.js';
import { inClosedStore } from './closed-store.js';
import { COMPACTING } from './data-files.js';
import { Database, syncDirectory } from './database.js';
import { freeBytes } from './disk-space.js';
import { cannotWrite } from './storage-error.js';

/** Sizes of the data file, bytes. */
export interface Compaction {
  readonly before: number;
  readonly after: number;
}

/**
 * Gives back to the system what the data file of a store that is not open does not use: copies the rest, looks at every page
 * of the copy, and puts it in the place of the file. Whenever it is broken off one of the two is there, complete.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if there is no store, it is in use or damaged, or the disk has
 * no room for the copy
 */
export function compactLmdbStore(dataDir: string): Promise<Compaction> {
  return inClosedStore(dataDir, async (path) => {
    const file = join(path, 'events.mdb');
    const work = join(path, COMPACTING);
    const copy = join(work, 'events.mdb');
    try {
      rmSync(work, { recursive: true, force: true });
      const before = statSync(file).size;
      await writeCopy(path, copy);
      checkDataFile(work, { allPages: true });
      const after = statSync(copy).size;
      renameSync(copy, file);
      syncDirectory(path);
      return { before, after };
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

async function writeCopy(dataDir: string, copy: string): Promise<void> {
  const database = new Database(dataDir, 0);
  try {
    const needed = database.usedBytes;
    if (freeBytes(dataDir) < needed) {
      throw new Error(`there is no room for a second file, which needs ${Math.ceil(needed / 1024)} KiB`);
    }
    await database.copyTo(copy);
    const fd = openSync(copy, 'r+');
    fsyncSync(fd);
    closeSync(fd);
  } catch (cause) {
    throw cannotWrite(dataDir, 'a compacted copy', cause);
  } finally {
    await database.close();
  }
}
