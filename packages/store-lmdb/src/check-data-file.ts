import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cannotOpen } from './storage-error.js';

/** Where LMDB (data version 2, 64 bit, little endian) keeps what is checked, from the start of a root page. */
const FLAGS = 18;
const MAGIC = 24;
const VERSION = 28;
const PAGE_SIZE = 48;
const LAST_PAGE = 144;
const TRANSACTION = 152;
const HEADER_BYTES = 160;

const IS_ROOT = 0x08;
const MAGIC_NUMBER = 0xbeefc0de;
const DATA_VERSION = 2;

/** A healthy file may be a little shorter than its root says: pages given back before they were written. */
const SLACK_BYTES = 256 * 1024;

interface Root {
  readonly pageSize: number;
  readonly bytes: number;
  readonly transaction: bigint;
}

/**
 * Checks what LMDB takes for granted: opening a file that is none of its own, one that was cut short, or a new
 * one on a full disk, would end the process with a signal. An absent or empty file is a new database.
 *
 * @throws EventsError `ServiceUnavailable`
 */
export function checkDataFile(dataDir: string): void {
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
    if (size < newest.bytes - SLACK_BYTES) {
      throw damaged(`is cut short: expected ${newest.bytes} bytes, found ${size}`);
    }
  } finally {
    closeSync(fd);
  }
}

/** One of the two roots of the tree; undefined if it is none. */
function readRoot(fd: number, position: number): Root | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(fd, header, 0, HEADER_BYTES, position) < HEADER_BYTES) return undefined;
  const pageSize = header.readUInt32LE(PAGE_SIZE);
  const valid =
    (header.readUInt16LE(FLAGS) & IS_ROOT) !== 0 &&
    header.readUInt32LE(MAGIC) === MAGIC_NUMBER &&
    (header.readUInt32LE(VERSION) & 0xffff) === DATA_VERSION &&
    pageSize >= 512 &&
    pageSize <= 65_536;
  if (!valid) return undefined;
  const pages = Number(header.readBigUInt64LE(LAST_PAGE)) + 1;
  return { pageSize, bytes: pages * pageSize, transaction: header.readBigUInt64LE(TRANSACTION) };
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
