import { expect, it } from 'vitest';
import { SETTLED_MS } from '../src/clock/timestamps.js';
import { futureMark, isTooOld } from '../src/retention/future-mark.js';

const NOW = 2_000_000_000_000;
const HOUR_MS = 3_600_000;
const AHEAD = NOW + SETTLED_MS + 1;
const limits = { maxAgeMs: HOUR_MS, maxEvents: 0, now: NOW };

it('is made of a channel that has a timestamp of the future, and stays as it is', () => {
  const kept = { firstId: 3, lastId: 9, timestamps: [NOW, AHEAD + 5] };
  expect(futureMark(undefined, { ...kept, timestamps: [NOW, AHEAD - 1] }, NOW)).toBeUndefined();
  const mark = futureMark(undefined, kept, NOW);
  expect(mark).toEqual({ seenAt: NOW, lastId: 9 });
  expect(futureMark(mark, { ...kept, lastId: 20 }, NOW + 5)).toBe(mark);
  // As long as one of its events is kept.
  expect(futureMark(mark, { ...kept, firstId: 9, lastId: 20 }, NOW + 5)).toBe(mark);
  expect(futureMark(mark, { ...kept, firstId: 10, lastId: 20 }, NOW + 5)).toEqual({
    seenAt: NOW + 5,
    lastId: 20,
  });
  // One that was made while the clock was ahead is made again.
  expect(futureMark(mark, kept, NOW - 1)).toEqual({ seenAt: NOW - 1, lastId: 9 });
});

it('gives the age of an event with a timestamp of the future, and of no other', () => {
  const mark = { seenAt: NOW - HOUR_MS - 1, lastId: 5 };
  const isOld = (id: number, timestamp: number, known: typeof mark | undefined = mark) =>
    isTooOld({ id, timestamp }, known, limits);
  expect(isOld(5, AHEAD)).toBe(true);
  expect(isOld(6, AHEAD), 'it came later').toBe(false);
  expect(isOld(5, AHEAD, { ...mark, seenAt: NOW - HOUR_MS }), 'not yet').toBe(false);
  expect(isTooOld({ id: 5, timestamp: AHEAD }, undefined, limits)).toBe(false);
  expect(isOld(5, NOW), 'its own timestamp tells').toBe(false);
  expect(isOld(5, NOW - HOUR_MS)).toBe(false);
  expect(isOld(5, NOW - HOUR_MS - 1)).toBe(true);
  expect(isTooOld({ id: 5, timestamp: 1 }, mark, { ...limits, maxAgeMs: 0 })).toBe(false);
});
