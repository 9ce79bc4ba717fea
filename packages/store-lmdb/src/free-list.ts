import { PageDamage } from './page-marks.js';

const WORD_BYTES = 8;

/**
 * The pages that an entry of LMDB's list of free pages has, as lmdb-js writes it: 64-bit words, the first of which says how
 * many there are. One is 0 where nothing is, a page, or the negative length of a run, whose first page is next.
 *
 * @throws PageDamage if it is something else
 */
export function* freePages(value: Buffer): Iterable<number> {
  const words = value.length / WORD_BYTES;
  const word = (i: number) => Number(value.readBigInt64LE(i * WORD_BYTES));
  if (!Number.isInteger(words) || words === 0) throw new PageDamage('has a damaged list of free pages');
  const count = word(0);
  if (count < 0 || count >= words) throw new PageDamage('has a damaged list of free pages');
  for (let i = 1; i <= count; i++) {
    const entry = word(i);
    if (entry >= 0) {
      if (entry > 0) yield entry;
      continue;
    }
    const first = ++i <= count ? word(i) : 0;
    if (first <= 0) throw new PageDamage('has a damaged list of free pages');
    for (let page = first; page < first - entry; page++) yield page;
  }
}
