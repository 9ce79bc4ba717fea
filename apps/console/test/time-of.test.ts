import { describe, expect, it } from 'vitest';
import { timeOf } from '../page/state/time-of.js';

/** Ten past three in the morning, on the clock of this machine. */
const NOW = new Date(2026, 10, 28, 3, 10);

const at = (...date: [number, number, number, number, number, number?, number?]) =>
  new Date(...date).getTime();

describe('a time that is typed, or copied from the page', () => {
  it.each([
    ['02:58', at(2026, 10, 28, 2, 58)],
    ['2:58:07', at(2026, 10, 28, 2, 58, 7)],
    ['02:58:07.123', at(2026, 10, 28, 2, 58, 7, 123)],
    ['02:58:07.5', at(2026, 10, 28, 2, 58, 7, 500)],
    ['23:50', at(2026, 10, 27, 23, 50)],
    ['27 Nov 23:50:01.002', at(2026, 10, 27, 23, 50, 1, 2)],
    ['27 november 23:50', at(2026, 10, 27, 23, 50)],
    ['24 Dec 10:00', at(2025, 11, 24, 10, 0)],
    ['28 Nov 2026, 02:58:07', at(2026, 10, 28, 2, 58, 7)],
    ['2026-11-28 02:58', at(2026, 10, 28, 2, 58)],
    ['2026-11-28T02:58:00Z', Date.UTC(2026, 10, 28, 2, 58)],
    ['1795834680000', 1_795_834_680_000],
  ])('%s', (text, expected) => {
    expect(timeOf(text, NOW)).toBe(expected);
  });

  it.each(['noon', '27 Foo 23:50', '3', ''])('%j is none', (text) => {
    expect(timeOf(text, NOW)).toBeNaN();
  });
});
