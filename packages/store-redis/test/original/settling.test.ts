import { describe, expect, it } from 'vitest';
import { reliable, Settling } from '../../src/original/settling.js';

describe('Settling', () => {
  it('knows ids that were given long enough ago', () => {
    const settling = new Settling(100);
    expect(settling.upTo(1_000)).toBe(0);
    settling.saw(3, 0);
    settling.saw(5, 60);
    settling.saw(5, 70);
    settling.saw(9, 130);
    expect([50, 100, 159, 160, 229, 230].map((now) => settling.upTo(now))).toEqual([0, 3, 3, 5, 5, 9]);
    expect(settling.upTo(10_000)).toBe(9);
  });
});

describe('what was found', () => {
  it.each([
    ['without a gap', [4, 5], 0, true, { count: 2, upTo: 5 }],
    ['up to a gap that may be filled', [4, 6], 4, true, { count: 1, upTo: 4 }],
    ['over a gap that will not', [4, 7], 6, true, { count: 2, upTo: 7 }],
    ['up to the middle of one that will in part', [4, 8], 6, true, { count: 1, upTo: 6 }],
    ['from behind a gap on', [5, 6], 4, true, { count: 2, upTo: 6 }],
    ['nothing behind a gap at the start', [5, 6], 3, true, { count: 0, upTo: 3 }],
    ['and a gap at the end that will not be filled', [4, 5], 8, true, { count: 2, upTo: 8 }],
    ['with more to come', [4, 5], 8, false, { count: 2, upTo: 5 }],
    ['nothing', [], 0, true, { count: 0, upTo: 3 }],
    ['nothing but ids that have no event', [], 7, true, { count: 0, upTo: 7 }],
  ])('can be relied on: %s', (_, ids, settled, isLast, expected) => {
    expect(reliable(ids, 3, settled, isLast)).toEqual(expected);
  });
});
