import { statfsSync } from 'node:fs';
import type { Change } from './change.js';

/** Beside a value: its key, usually much shorter, and what LMDB needs for an entry. */
const ENTRY_BYTES = 100;
/**
 * Where an entry is removed: its page is copied, but a page that becomes empty takes the copy of the next one. What is left is
 * its number in the list of free pages.
 */
const REMOVED_BYTES = 16;
/** A page of the tree is copied when it changes, with the branches above it; it may be split in two. */
const PAGES_A_PLACE = 4;
/** The root, the list of free pages, and what they are rounded up to. */
const PAGES_A_COMMIT = 64;

/** A commit was not begun: it would need what is kept in reserve. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
}

/**
 * Keeps room on the disk of a data file. LMDB's binding ends the process if a commit fails because the disk is full
 * (it writes its own message past the end of a buffer), so no commit is begun that could.
 */
export class DiskSpace {
  readonly #dataDir: string;
  readonly #reserveBytes: number;
  readonly #pageSize: number;

  constructor(dataDir: string, reserveBytes: number, pageSize: number) {
    this.#dataDir = dataDir;
    this.#reserveBytes = reserveBytes;
    this.#pageSize = pageSize;
  }

  /**
   * Looks at the disk, which takes two microseconds of a commit's hundreds: whatever else fills it is noticed by the next one.
   * `fromReserve`: half of the reserve may be used.
   *
   * @throws NoRoom
   */
  assertRoom(changes: readonly Change[], fromReserve: boolean): void {
    const left = freeBytes(this.#dataDir) - (fromReserve ? this.#reserveBytes / 2 : this.#reserveBytes);
    if (left >= bytesIfScattered(changes, this.#pageSize) || left >= bytesIfTogether(changes, this.#pageSize))
      return;
    const reserve = Math.ceil(this.#reserveBytes / 1024);
    throw new NoRoom(
      `its disk is nearly full, ${reserve} KiB of it are kept in reserve (DISK_RESERVE_BYTES)`,
    );
  }
}

/** What is free on the disk of a directory, for this user. @throws Error if there is no such directory */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** What a commit writes if no two entries lie on one page: far too much, but quickly known. */
function bytesIfScattered(changes: readonly Change[], pageSize: number): number {
  let bytes = PAGES_A_COMMIT * pageSize;
  for (const { value } of changes) bytes += bytesOf(value) + PAGES_A_PLACE * pageSize;
  return bytes;
}

/** The same, where entries that differ only in a number at the end of their keys lie together. */
function bytesIfTogether(changes: readonly Change[], pageSize: number): number {
  const places = new Set<string>();
  let bytes = PAGES_A_COMMIT * pageSize;
  for (const { key, value } of changes) {
    places.add(JSON.stringify(typeof key.at(-1) === 'number' ? key.slice(0, -1) : key));
    bytes += bytesOf(value);
  }
  return bytes + places.size * PAGES_A_PLACE * pageSize;
}

/** Beside the pages of its place. Twice: pages that are full are split in halves. */
function bytesOf(value: Buffer | undefined): number {
  return value === undefined ? REMOVED_BYTES : 2 * (ENTRY_BYTES + value.length);
}
