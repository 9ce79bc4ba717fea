import { Epochs, importedEpochs, openEventStore } from '@ganomede/events-store';
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../src/memory/memory-storage.js';

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
    expect(Epochs.NONE.of(1)).toBe('0-0-0-0-0');
  });

  it('say up to where a cursor of one of them is right', () => {
    expect([a, b, epochs.current].map((epoch) => epochs.commonWith(epoch, 1))).toEqual([3, 8, Infinity]);
    expect(epochs.isOf('c')).toBe(true);
    expect(epochs.isOf('b')).toBe(false);
  });

  it('begin later than the one before, whatever the clock says', () => {
    const next = epochs.begin({ term: 'd', firstId: 1, lastId: 9, now: 5 });
    expect(next.current).toBe(`10-${3 * HOUR_MS + 1}-d-${3 * HOUR_MS}-c`);
    expect(a).toBe(`1-${HOUR_MS}-a-0-0`);
  });

  it('can be those of when the channel was shorter', () => {
    expect(epochs.upTo(12)).toEqual(epochs);
    expect(epochs.upTo(7)).toEqual(begun([1, 'a'], [4, 'b']));
    expect(epochs.upTo(3)).toEqual(begun([1, 'a'], [4, 'b']));
    expect(epochs.upTo(2)).toEqual(begun([1, 'a']));
    expect(Epochs.NONE.upTo(2)).toEqual(Epochs.NONE);
  });

  it('of another store are followed by one that no event is of', () => {
    const upTo = { firstId: 1, lastId: 6, term: 'import', now: 9 * HOUR_MS };
    const known = importedEpochs(epochs, upTo);
    expect(known.current).toBe(`7-${9 * HOUR_MS}-import-${2 * HOUR_MS}-b`);
    expect([a, b].map((epoch) => known.commonWith(epoch, 1))).toEqual([3, 6]);
    expect(known.commonWith(epochs.current, 1), 'what came later did not come').toBe(6);
    expect([1, 4, 6].map((id) => known.of(id))).toEqual([a, b, b]);
    const first = importedEpochs(Epochs.NONE, upTo);
    expect([first.current, first.of(6)]).toEqual([`7-${9 * HOUR_MS}-import-0-0`, '0-0-0-0-0']);
    expect(first.commonWith('0-0-0-0-0', 1), 'of a store without epochs').toBe(6);
    const next = first.begin({ term: 'c', firstId: 1, lastId: 6, now: 9 * HOUR_MS });
    expect([next.of(6), next.of(7), next.commonWith(first.current, 1)]).toEqual([
      '0-0-0-0-0',
      next.current,
      6,
    ]);
  });

  it('of an import that is broken off end where that has got to', () => {
    const upTo = { firstId: 1, lastId: 9, term: 'import', now: 9 * HOUR_MS };
    const whole = importedEpochs(epochs, upTo);
    expect(whole.brokenOffAt(6)).toEqual(importedEpochs(epochs, { ...upTo, lastId: 6 }));
    expect(importedEpochs(whole.brokenOffAt(6), upTo).commonWith(b, 1), 'and it goes on').toBe(6);
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
    const [startedAt, parent] = [4.5 * HOUR_MS, `${4 * HOUR_MS - 1}-x`];
    const lost = `20-${startedAt}-y-${parent}`;
    const after = epochs.begin({ term: 'd', firstId: 1, lastId: 13, now: 6 * HOUR_MS });
    expect(after.commonWith(lost, 1)).toBe(13);
    // Its clock may have been an hour ahead.
    expect(after.commonWith(`20-${3.5 * HOUR_MS}-y-${parent}`, 1)).toBe(8);
    expect(epochs.commonWith(lost, 1), 'none is younger').toBe(0);
    expect(epochs.commonWith('20-1-y-2-z', 1), 'older than all').toBe(0);
    expect(epochs.commonWith('anything', 1)).toBe(0);
  });

  it('tell forks apart whose clock is behind that of the one before', () => {
    const ahead = Epochs.NONE.begin({ term: 'a', firstId: 1, lastId: 0, now: HOUR_MS });
    const [mine, theirs] = [3, 7].map((lastId, i) =>
      ahead.begin({ term: `f${i}`, firstId: 1, lastId, now: 5 }),
    );
    const lost = theirs?.begin({ term: 'g', firstId: 1, lastId: 9, now: 6 }).current ?? '';
    expect(mine?.commonWith(lost, 1)).toBeLessThanOrEqual(3);
  });

  it('know events from before there were any', () => {
    const unnoted = Epochs.NONE.of(5);
    expect(Epochs.NONE.endOf(unnoted)).toBe(Infinity);
    const first = Epochs.NONE.begin({ term: 'a', firstId: 1, lastId: 10, now: HOUR_MS });
    expect([first.of(10), first.endOf(unnoted)]).toEqual([unnoted, 10]);
    // A backup from before: what came before its own first one is what they have in common.
    expect(Epochs.NONE.commonWith(first.current, 1)).toBe(10);
    const other = Epochs.NONE.begin({ term: 'b', firstId: 1, lastId: 7, now: 2 * HOUR_MS });
    expect(other.commonWith(first.current, 1)).toBe(7);
  });

  it('forget those of which nothing is kept, and all but a hundred, the shortest first', () => {
    const trimmed = epochs.begin({ term: 'd', firstId: 9, lastId: 20, now: 4 * HOUR_MS });
    expect(trimmed.earlier.split(' ')).toEqual([epochs.current]);
    expect(trimmed.commonWith('2-1-old-5-older', 9), 'whatever it was, it is dropped').toBe(8);
    expect(trimmed.commonWith('2-1-old-5-older', 8), 'of what is kept nothing is known').toBe(0);

    const long = Array.from({ length: 150 }, (_, i) => [10 * i + 1 + (i % 2) * 8, `t${i}`] as const);
    let many = Epochs.NONE;
    const all = long.map(([start, term], i) => {
      many = many.begin({ term, firstId: 1, lastId: start - 1, now: HOUR_MS * (i + 1) });
      return many;
    });
    expect(many.earlier.split(' ')).toHaveLength(99);
    expect(many.earlier.startsWith(`${all[0]?.current}/`), 'the first stays').toBe(true);
    const left = many.earlier.split(' ').map((each) => each.split('/')[0]);
    const longest = all.filter((_, i) => i % 2 === 0).map(({ current }) => current);
    expect(left).toEqual(expect.arrayContaining(longest));
    // An event of one that is forgotten is of the next one that is not.
    const [kept = '', next = ''] = many.earlier.split(' ');
    const endId = Number(kept.split('/')[1]);
    expect([1, endId, endId + 1].map((id) => many.of(id))).toEqual([
      ...[all[0]?.current, all[0]?.current, next.split('/')[0]],
    ]);
    // Whoever comes from one that is forgotten goes no further than to its end, wherever it was.
    for (const [i, { current }] of all.entries()) {
      const next = long[i + 1]?.[0];
      if (next !== undefined) expect(many.commonWith(current, 1)).toBeLessThan(next);
    }
  });
});

it('a consumer that was away for two hundred restarts goes on where it was', async () => {
  let storage = new MemoryStorage();
  const restarted = () => {
    storage = new MemoryStorage(storage);
    return openEventStore(() => storage);
  };
  let store = await restarted();
  const append = (count: number) =>
    store.append(
      'a',
      Array.from({ length: count }, () => ({ from: 'test', type: 'add' })),
    );
  await append(150);
  const { epoch } = await store.read({ channel: 'a', after: 0, limit: 120 });
  for (let n = 0; n < 200; n++) {
    await store.close();
    store = await restarted();
    await append(1);
  }
  expect(await store.read({ channel: 'a', after: 120, epoch, limit: 300 })).toMatchObject({
    rewoundTo: undefined,
    count: 230,
  });
  // Whoever reads on from page to page is taken back by none of them.
  let cursor = { after: 100, epoch };
  while (cursor.after < 350) {
    const page = await store.read({ channel: 'a', ...cursor, limit: 7 });
    expect(page.rewoundTo).toBeUndefined();
    cursor = { after: page.events.at(-1)?.id ?? 0, epoch: page.epoch };
  }
  await store.close();
});
