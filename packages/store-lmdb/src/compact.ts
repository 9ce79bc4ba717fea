import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { checkDataFile } from './check-data-file.js';
import { Database, syncDirectory } from './database.js';
import { lockDirectory } from './directory-lock.js';
import { cannotOpen, cannotWrite } from './storage-error.js';

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
 * no room for a second file
 */
export async function compactLmdbStore(dataDir: string): Promise<Compaction> {
  const path = resolve(dataDir);
  const file = join(path, 'events.mdb');
  if (!existsSync(file)) throw cannotOpen(path, 'it has no events.mdb');
  const lock = lockDirectory(path);
  const work = join(path, 'compacting');
  const copy = join(work, 'events.mdb');
  try {
    checkDataFile(path, { allPages: true });
    rmSync(work, { recursive: true, force: true });
    const before = statSync(file).size;
    await writeCopy(path, copy, before);
    checkDataFile(work, { allPages: true });
    const after = statSync(copy).size;
    renameSync(copy, file);
    syncDirectory(path);
    return { before, after };
  } finally {
    rmSync(work, { recursive: true, force: true });
    lock.release();
  }
}

async function writeCopy(dataDir: string, copy: string, most: number): Promise<void> {
  const database = new Database(dataDir, 0);
  try {
    const { bavail, bsize } = statfsSync(dataDir);
    if (bavail * bsize < most) throw new Error('there is no room for a second file');
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
