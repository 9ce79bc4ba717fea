import { readSync } from 'node:fs';
import { bufferToKeyValue } from 'lmdb';
import { freePages } from './free-list.js';
import type { Key } from './keys.js';
import { PageDamage, PageMarks } from './page-marks.js';

/** A tree of pages, as the root of the file has it. */
export interface Tree {
  /** Its first page; undefined if it is empty. */
  readonly root: number | undefined;
  readonly depth: number;
  readonly entries: number;
}

/** Where a page (LMDB's data version 2, 64 bit, little endian) keeps what is checked, and what lies behind its header. */
const PAGE_FLAGS = 18;
const LOWER = 20;
const UPPER = 22;
const OVERFLOW_PAGES = 20;
const HEADER_BYTES = 24;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const KIND = BRANCH | LEAF | OVERFLOW | 0x08;

/** A node: 32 bits of the size of its value (of a page number, in a branch), flags, the size of its key, both. */
const NODE_FLAGS = 4;
const KEY_BYTES = 6;
const NODE_BYTES = 8;
/** The value lies on pages of its own; the node says on which, and how many there are. */
const IS_BIG = 0x01;
const BIG_BYTES = 24;

/** Most damaged pages that are told. */
const MAX_TOLD = 10;

interface Node {
  readonly start: number;
  readonly key: Buffer;
}

/** The file, and what its newest root says of it. */
export interface RootedFile {
  readonly fd: number;
  readonly pageSize: number;
  /** That the file has. */
  readonly pagesPresent: number;
  /** That the root knows: more, or fewer, if those that differ are free. */
  readonly pageCount: number;
  /** The list of free pages, and the entries. */
  readonly trees: readonly [free: Tree, main: Tree];
}

/**
 * One sentence for each page that LMDB could not read, or not without leaving entries out, or that it would give out though it is
 * in use.
 */
export function damagedPages(file: RootedFile): string[] {
  const marks = new PageMarks(file.pageCount);
  const [free, main] = file.trees;
  return [
    ...new TreeWalk(file, marks, 'the list of free pages').run(free),
    ...new TreeWalk(file, marks, undefined).run(main),
  ];
}

class TreeWalk {
  readonly #fd: number;
  readonly #pageSize: number;
  readonly #pagesPresent: number;
  readonly #marks: PageMarks;
  /** What the tree is, if its keys are not those of keys.ts. */
  readonly #what: string | undefined;
  readonly #found: string[] = [];
  #entries = 0;

  constructor({ fd, pageSize, pagesPresent }: RootedFile, marks: PageMarks, what: string | undefined) {
    this.#fd = fd;
    this.#pageSize = pageSize;
    this.#pagesPresent = pagesPresent;
    this.#marks = marks;
    this.#what = what;
  }

  run({ root, depth, entries }: Tree): string[] {
    if (root === undefined) return [];
    this.#page(root, depth, undefined, undefined);
    if (this.#found.length === 0 && this.#entries !== entries) {
      const what = this.#what ?? 'the tree of entries';
      this.#found.push(`${what} has ${this.#entries} of ${entries} entries`);
    }
    return this.#found;
  }

  /** A page and all below it, with keys from `from` to before `to`. */
  #page(page: number, levels: number, from: Buffer | undefined, to: Buffer | undefined): void {
    if (this.#found.length >= MAX_TOLD) return;
    let bytes: Buffer;
    let nodes: Node[];
    try {
      bytes = this.#read(page, this.#pageSize, levels === 1 ? LEAF : BRANCH);
      this.#marks.use(page);
      nodes = this.#nodes(bytes, levels > 1, from, to);
    } catch (error) {
      if (!(error instanceof PageDamage)) throw error;
      this.#found.push(`page ${page} ${error.message}: ${this.#what ?? between(from, to)}`);
      return;
    }
    if (levels === 1) {
      this.#entries += nodes.length;
      if (this.#what !== undefined) for (const node of nodes) this.#free(page, bytes, node);
      return;
    }
    for (const [i, { start, key }] of nodes.entries()) {
      const child = bytes.readUInt32LE(start) + bytes.readUInt16LE(start + NODE_FLAGS) * 2 ** 32;
      this.#page(child, levels - 1, i === 0 ? from : key, nodes[i + 1]?.key ?? to);
    }
  }

  /** What a node of the list of free pages, on `page`, has. */
  #free(page: number, bytes: Buffer, { start, key }: Node): void {
    let told = page;
    try {
      for (const free of freePages(this.#value(bytes, start + NODE_BYTES + key.length, start))) {
        told = free;
        this.#marks.free(free);
      }
    } catch (error) {
      if (!(error instanceof PageDamage)) throw error;
      this.#found.push(`page ${told} ${error.message}`);
    }
  }

  #value(bytes: Buffer, at: number, start: number): Buffer {
    const size = bytes.readUInt32LE(start);
    if (!isBig(bytes, start)) return bytes.subarray(at, at + size);
    const value = Buffer.allocUnsafe(size);
    const offset = Number(bytes.readBigUInt64LE(at)) * this.#pageSize + HEADER_BYTES;
    if (readSync(this.#fd, value, 0, size, offset) < size)
      throw new PageDamage('has a value that is cut short');
    return value;
  }

  #read(page: number, length: number, kind: number): Buffer {
    if (page >= this.#pagesPresent) throw new PageDamage('lies behind the end of the file');
    const bytes = Buffer.allocUnsafe(length);
    if (readSync(this.#fd, bytes, 0, length, page * this.#pageSize) < length)
      throw new PageDamage('is cut short');
    const isItself = Number(bytes.readBigUInt64LE(0)) === page;
    if (!isItself || (bytes.readUInt16LE(PAGE_FLAGS) & KIND) !== kind)
      throw new PageDamage('is something else');
    return bytes;
  }

  /** The nodes of a page, ascending. They fill it from `upper` to its end without a gap. */
  #nodes(bytes: Buffer, isBranch: boolean, from: Buffer | undefined, to: Buffer | undefined): Node[] {
    const lower = bytes.readUInt16LE(LOWER);
    const upper = bytes.readUInt16LE(UPPER);
    const end = bytes.length - HEADER_BYTES;
    if (lower % 2 !== 0 || lower === 0 || lower > upper || upper > end)
      throw new PageDamage('has a damaged header');
    const nodes: Node[] = [];
    let filled = 0;
    for (let slot = HEADER_BYTES; slot < HEADER_BYTES + lower; slot += 2) {
      const start = bytes.readUInt16LE(slot) + HEADER_BYTES;
      if (start < upper + HEADER_BYTES || start + NODE_BYTES > bytes.length)
        throw new PageDamage('has a damaged list');
      const size =
        NODE_BYTES + bytes.readUInt16LE(start + KEY_BYTES) + (isBranch ? 0 : this.#valueBytes(bytes, start));
      if (start + size > bytes.length) throw new PageDamage('has a damaged entry');
      filled += size + (size % 2);
      const key = bytes.subarray(
        start + NODE_BYTES,
        start + NODE_BYTES + bytes.readUInt16LE(start + KEY_BYTES),
      );
      nodes.push({ start, key });
    }
    if (filled !== end - upper) throw new PageDamage('has lost entries');
    // Numbers, in the list of free pages; the first key of a branch is not looked at.
    if (this.#what === undefined) {
      const keys = nodes.slice(isBranch ? 1 : 0).map(({ key }) => key);
      if (!isBranch && from !== undefined) keys.unshift(from);
      for (let i = 1; i < keys.length; i++) {
        const order = Buffer.compare(keys[i - 1] as Buffer, keys[i] as Buffer);
        if (order > 0 || (order === 0 && (i > 1 || isBranch || from === undefined))) {
          throw new PageDamage('has keys out of order');
        }
      }
      const last = keys.at(-1);
      if (last && to && Buffer.compare(last, to) >= 0) throw new PageDamage('has keys out of order');
    }
    return nodes;
  }

  /** How many bytes a leaf has of a value; if it lies elsewhere those pages are looked at. */
  #valueBytes(bytes: Buffer, start: number): number {
    const size = bytes.readUInt32LE(start);
    if (!isBig(bytes, start)) return size;
    const at = start + NODE_BYTES + bytes.readUInt16LE(start + KEY_BYTES);
    if (at + BIG_BYTES > bytes.length) throw new PageDamage('has a damaged entry');
    const page = Number(bytes.readBigUInt64LE(at));
    const header = this.#read(page, HEADER_BYTES, OVERFLOW);
    const pages = header.readUInt32LE(OVERFLOW_PAGES);
    if (pages * this.#pageSize < size + HEADER_BYTES) throw new PageDamage('has a damaged value');
    if (page + pages > this.#pagesPresent) throw new PageDamage('has a value behind the end of the file');
    for (let i = 0; i < pages; i++) this.#marks.use(page + i);
    return BIG_BYTES;
  }
}

function isBig(bytes: Buffer, start: number): boolean {
  return (bytes.readUInt16LE(start + NODE_FLAGS) & IS_BIG) !== 0;
}

/** What has keys from `from` to before `to`. */
function between(from: Buffer | undefined, to: Buffer | undefined): string {
  return `what lies from ${keyText(from, 'the first key')} to ${keyText(to, 'the last')}`;
}

function keyText(key: Buffer | undefined, otherwise: string): string {
  if (key === undefined) return otherwise;
  const parts = bufferToKeyValue(key) as unknown as Key | string | number;
  const [first, second] = Array.isArray(parts) ? parts : [parts];
  return typeof first === 'number' && typeof second === 'number'
    ? `event ${second} of channel number ${first}`
    : JSON.stringify(parts);
}
