import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { damagedPages, type Tree } from './damaged-pages.js';
import { cannotOpen } from './storage-error.js';

/** Where LMDB (data version 2, 64 bit, little endian) keeps what is checked, from the start of a root page. */
const FLAGS = 18;
const MAGIC = 24;
const VERSION = 28;
const PAGE_SIZE = 48;
const FREE_TREE = 48;
const MAIN_TREE = 96;
const LAST_PAGE = 144;
const TRANSACTION = 152;
const HEADER_BYTES = 160;
/** From the start of what a root says of a tree. */
const TREE_DEPTH = 6;
const TREE_ENTRIES = 32;
const TREE_ROOT = 40;
/** The root page of a tree that has none. */
const NONE = 0xffff_ffff_ffff_ffffn;

const IS_ROOT = 0x08;
const MAGIC_NUMBER = 0xbeefc0de;
const DATA_VERSION = 2;

/** Files up to this size are looked through when they are opened, which takes a second at most. */
const MAX_CHECKED_BYTES = 512 * 1024 * 1024;

interface Root {
  readonly pageSize: number;
  readonly bytes: number;
  readonly transaction: bigint;
  /** The list of free pages, and the entries. */
  readonly trees: readonly [free: Tree, main: Tree];
}

/**
 * Checks what LMDB takes for granted: opening a file that is none of its own, one that was cut short, or a new
 * one on a full disk, would end the process with a signal, and so would reading a damaged page. An absent or empty file is
 * a new database. Pages are looked at if the file is not large, or if it is shorter than its root says, which a healthy one
 * may be if the last pages are free.
 *
 * @throws EventsError `ServiceUnavailable`
 */
export function checkDataFile(dataDir: string, { allPages = false } = {}): void {
  const path = join(dataDir, 'events.mdb');
  const damaged = (what: string) => cannotOpen(dataDir, `events.mdb ${what}`);
  let fd: number;
  try {
    fd = openSync(path, 'a+');
  } catch (cause) {
    throw cannotOpen(dataDir, 'events.mdb cannot be opened for writing', cause);
  }
  try {
    const { size } = fstatSync(fd);
    if (size === 0 || !existsSync(`${path}-lock`)) checkSpace(dataDir);
    if (size === 0) return;
    const first = readRoot(fd, 0);
    const second = first && readRoot(fd, first.pageSize);
    if (first === undefined || second === undefined) {
      throw damaged('is not an event database, or its beginning is damaged');
    }
    const newest = first.transaction > second.transaction ? first : second;
    const isShort = size < newest.bytes;
    if (!allPages && !isShort && size > MAX_CHECKED_BYTES) return;
    const { pageSize, bytes, trees } = newest;
    const damage = damagedPages({
      fd,
      pageSize,
      pagesPresent: Math.floor(size / pageSize),
      pageCount: bytes / pageSize,
      trees,
    });
    if (damage.length === 0) return;
    const short = isShort ? `cut short (expected ${newest.bytes} bytes, found ${size}), and ` : '';
    throw damaged(`is ${short}damaged: ${damage.join('; ')}. Restore a copy of it`);
  } finally {
    closeSync(fd);
  }
}

/** One of the two roots of the tree; undefined if it is none. */
function readRoot(fd: number, offset: number): Root | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(fd, header, 0, HEADER_BYTES, offset) < HEADER_BYTES) return undefined;
  const pageSize = header.readUInt32LE(PAGE_SIZE);
  const valid =
    (header.readUInt16LE(FLAGS) & IS_ROOT) !== 0 &&
    header.readUInt32LE(MAGIC) === MAGIC_NUMBER &&
    (header.readUInt32LE(VERSION) & 0xffff) === DATA_VERSION &&
    pageSize >= 512 &&
    pageSize <= 65_536;
  if (!valid) return undefined;
  const pages = Number(header.readBigUInt64LE(LAST_PAGE)) + 1;
  return {
    pageSize,
    bytes: pages * pageSize,
    transaction: header.readBigUInt64LE(TRANSACTION),
    trees: [readTree(header.subarray(FREE_TREE)), readTree(header.subarray(MAIN_TREE))],
  };
}

function readTree(from: Buffer): Tree {
  const root = from.readBigUInt64LE(TREE_ROOT);
  return {
    root: root === NONE ? undefined : Number(root),
    depth: from.readUInt16LE(TREE_DEPTH),
    entries: Number(from.readBigUInt64LE(TREE_ENTRIES)),
  };
}

/** Room for the first pages and for LMDB's lock file. */
function checkSpace(dataDir: string): void {
  const probe = join(dataDir, 'probe');
  try {
    writeFileSync(probe, Buffer.alloc(64 * 1024));
  } catch (cause) {
    throw cannotOpen(dataDir, 'its files cannot be created', cause);
  } finally {
    rmSync(probe, { force: true });
  }
}
