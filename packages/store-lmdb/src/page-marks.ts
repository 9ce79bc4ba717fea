/** A page that LMDB could not read, or not without harm; the message says of it what is wrong. */
export class PageDamage extends Error {}

/** At the beginning of the file, two of which the older one is always complete. */
export const ROOT_PAGES = 2;

/** What the pages of a file are there for, two bits each. One is used, or free; LMDB may have lost it, too. */
export class PageMarks {
  readonly #pageCount: number;
  readonly #used: Uint8Array;
  readonly #free: Uint8Array;

  /** `pageCount`: as the newest root has it. */
  constructor(pageCount: number) {
    this.#pageCount = pageCount;
    const bytes = Math.ceil(pageCount / 8);
    this.#used = new Uint8Array(bytes);
    this.#free = new Uint8Array(bytes);
  }

  /** @throws PageDamage if something else uses it, or it is free */
  use(page: number): void {
    this.#assertInRange(page);
    if (isMarked(this.#used, page)) throw new PageDamage('is used twice');
    if (isMarked(this.#free, page)) throw new PageDamage('is used, and in the list of free pages');
    mark(this.#used, page);
  }

  /** @throws PageDamage if it is used, is free already, or is not there */
  free(page: number): void {
    this.#assertInRange(page);
    if (isMarked(this.#used, page)) throw new PageDamage('is used, and in the list of free pages');
    if (isMarked(this.#free, page)) throw new PageDamage('is in the list of free pages twice');
    mark(this.#free, page);
  }

  #assertInRange(page: number): void {
    if (page >= ROOT_PAGES && page < this.#pageCount) return;
    throw new PageDamage(page < ROOT_PAGES ? 'is a root' : 'lies behind the last page of the file');
  }
}

function isMarked(bits: Uint8Array, page: number): boolean {
  return ((bits[page >> 3] as number) & (1 << (page & 7))) !== 0;
}

function mark(bits: Uint8Array, page: number): void {
  bits[page >> 3] = (bits[page >> 3] as number) | (1 << (page & 7));
}
