import { Epochs } from '@ganomede/events-store';
import { describe, expect, it } from 'vitest';

const HOUR_MS = 3_600_000;

/** Epochs that began at these ids, one hour after the other, by an engine with these terms. */
function begun(...all: readonly (readonly [start: number, term: string])[]): Epochs {
  let epochs = Epochs.NONE;
  for (const [i, [start, term]] of all.entries()) {
    epochs = epochs.begin({ term, firstId: 1, lastId: start - 1, now: HOUR_MS * (i + 1) });
  }
  return epochs;
}

describe('Epochs', () => {
  const epochs = begun([1, 'a'], [4, 'b'], [9, 'c']);
  const [a = '', b = ''] = epochs.earlier.split(' ');

  it('say to which one an event belongs', () => {
    expect(Array.from({ length: 10 }, (_, i) => epochs.of(i + 1).split('-')[2])).toEqual(
      Array.from('aaabbbbbcc'),
    );
    expect(Epochs.NONE.of(1)).toBe('');
  });

  it('say up to where a cursor of one of them is right', () => {
    expect([a, b, epochs.current].map((epoch) => epochs.commonWith(epoch, 1))).toEqual([3, 8, Infinity]);
    expect(epochs.isOf('c')).toBe(true);
    expect(epochs.isOf('b')).toBe(false);
  });

  it('begin later than the one before, whatever the clock says', () => {
    const next = epochs.begin({ term: 'd', firstId: 1, lastId: 9, now: 5 });
    expect(next.current).toBe(`10-${3 * HOUR_MS + 1}-d-${3 * HOUR_MS}`);
  });

  it('find what a lost one has in common by the one before it', () => {
    // Lost with a backup that knows `b`: it began at 6, or at 12 behind `c`.
    const lost = begun([1, 'a'], [4, 'b'], [6, 'x']).current;
    expect(epochs.commonWith(lost, 1)).toBe(5);
    expect(begun([1, 'a'], [4, 'b']).commonWith(epochs.current, 1)).toBe(8);
  });

  it('find nothing in common with another first one', () => {
    expect(begun([1, 'z']).commonWith(a, 1)).toBe(0);
    expect(Epochs.NONE.commonWith(a, 0)).toBe(0);
  });

  it('go by time, with care, where two and more in a row are lost', () => {
    const [startedAt, parentStartedAt] = [4.5 * HOUR_MS, 4 * HOUR_MS - 1];
    const lost = `20-${startedAt}-y-${parentStartedAt}`;
    const after = epochs.begin({ term: 'd', firstId: 1, lastId: 13, now: 6 * HOUR_MS });
    expect(after.commonWith(lost, 1)).toBe(13);
    // Its clock may have been an hour ahead.
    expect(after.commonWith(`20-${3.5 * HOUR_MS}-y-${parentStartedAt}`, 1)).toBe(8);
    expect(epochs.commonWith(lost, 1), 'none is younger').toBe(0);
    expect(epochs.commonWith('20-1-y-2', 1), 'older than all').toBe(0);
    expect(epochs.commonWith('anything', 1)).toBe(0);
  });

  it('forget those of which nothing is kept, and all but a hundred', () => {
    const trimmed = epochs.begin({ term: 'd', firstId: 9, lastId: 20, now: 4 * HOUR_MS });
    expect(trimmed.earlier.split(' ')).toEqual([epochs.current]);
    expect(trimmed.commonWith('2-1-old-5', 9), 'whatever it was, it is dropped').toBe(8);

    const many = begun(...Array.from({ length: 150 }, (_, i) => [i + 1, `t${i}`] as const));
    expect(many.earlier.split(' ')).toHaveLength(99);
    expect(many.commonWith('2-1-old-5', 1), 'it may have lost something').toBe(0);
  });
});
