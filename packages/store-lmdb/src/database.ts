import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { checkDataFile } from './data-file.js';
import { FORMAT, type Key } from './keys.js';
import { cannotOpen } from './storage-error.js';

/** The version of the layout in keys.ts. A later one may read this one; this one knows no other. */
const FORMAT_VERSION = '2';

export interface Entry {
  readonly key: Key;
  readonly value: Buffer;
}

/** An entry to write, or to remove where it has no value. */
export interface Change {
  readonly key: Key;
  readonly value: Buffer | undefined;
}

/** The one LMDB environment of a store: ordered keys, values of bytes. */
export class Database {
  readonly #root: RootDatabase<Buffer, Key>;

  /**
   * Opens `<dataDir>/events.mdb`, or creates it.
   *
   * @throws EventsError `ServiceUnavailable` where the file is something else, is damaged, or has a layout of
   * another version.
   */
  constructor(dataDir: string) {
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
        // where a commit fails.
        eventTurnBatching: false,
      });
    } catch (cause) {
      throw cannotOpen(dataDir, 'events.mdb cannot be opened', cause);
    }
    try {
      this.#checkFormat(dataDir);
    } catch (error) {
      this.#root.close().catch(() => {});
      throw error;
    }
  }

  get(key: Key): Buffer | undefined {
    // Memory that the next get uses again.
    const found = this.#root.getBinaryFast(key);
    return found && Buffer.from(found.subarray(0, found.length));
  }

  /** Entries from `start` to before `end`, in the order of their keys. */
  range(start: Key, end: Key): Iterable<Entry> {
    return this.#root.getRange({ start: start, end: end });
  }

  /** Entries from `start` down to above `end`, in the opposite order of their keys. */
  rangeBackward(start: Key, end: Key): Iterable<Entry> {
    return this.#root.getRange({ start: start, end: end, reverse: true });
  }

  /**
   * Makes all changes in one transaction, or none. Resolves once they are on disk and every `get` sees them.
   * No other commit may be running.
   */
  async commit(changes: readonly Change[]): Promise<void> {
    try {
      await this.#root.batch(() => {
        for (const { key, value } of changes) {
          if (value === undefined) this.#root.remove(key);
          else this.#root.put(key, value);
        }
      });
    } catch (error) {
      // lmdb tells the reason in a second promise.
      await (error as { commitError?: Promise<never> }).commitError;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  #checkFormat(dataDir: string): void {
    const found = this.get(FORMAT)?.toString();
    if (found === FORMAT_VERSION) return;
    if (found !== undefined) {
      throw cannotOpen(dataDir, `its events have format ${found}, expected format ${FORMAT_VERSION}`);
    }
    for (const _ of this.#root.getKeys({ limit: 1 })) {
      throw cannotOpen(dataDir, 'events.mdb is a database of another program');
    }
    try {
      this.#root.putSync(FORMAT, Buffer.from(FORMAT_VERSION));
      syncDirectory(dataDir);
      syncDirectory(dirname(dataDir));
    } catch (cause) {
      throw cannotOpen(dataDir, 'events.mdb cannot be written', cause);
    }
  }
}

/** Creates the directory of a store where it does not exist. */
export function createDirectory(dataDir: string): void {
  try {
    // Events are for nobody else on this machine.
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw cannotOpen(dataDir, 'the directory cannot be created', cause);
  }
}

/** Makes the name of a new file as durable as what is in it. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
