import { describe, expect, test } from 'vitest';
import { Backoff, parseRetryAfter, sleep } from '../src/backoff.js';

const bounds = { baseMs: 100, maxMs: 1000, slowMs: 30_000 };
/** Close to the most that Math.random() returns; the least is 0. */
const most = () => 1;
const least = () => 0;

describe('delays', () => {
  test('double with each failure in a row up to the bound, and begin anew after a success', () => {
    const backoff = new Backoff(bounds, most);
    expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  test('have full jitter: any time from 0 to the bound', () => {
    const values = [0.25, 0.5, 0];
    const backoff = new Backoff(bounds, () => values.shift() ?? 0);
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([25, 100, 0]);
  });

  test('stay finite after thousands of failures', () => {
    const backoff = new Backoff(bounds, most);
    for (let i = 0; i < 5000; i += 1) backoff.next();
    expect(backoff.next()).toBe(1000);
  });

  test('are never shorter than Retry-After, and spread behind it', () => {
    expect(new Backoff(bounds, least).next({ retryAfterMs: 5000 })).toBe(5000);
    // Over as long again, at most `maxMs`.
    expect(new Backoff(bounds, most).next({ retryAfterMs: 200 })).toBe(400);
    expect(new Backoff(bounds, most).next({ retryAfterMs: 5000 })).toBe(6000);
    expect(new Backoff(bounds, most).next({ retryAfterMs: 0 })).toBe(100);
    // Over what is left of the bound.
    const backoff = new Backoff(bounds, most);
    for (let i = 0; i < 4; i += 1) backoff.next();
    expect(backoff.next({ retryAfterMs: 200 })).toBe(1000);
  });

  test('are long where repeating is not expected to help', () => {
    expect(new Backoff(bounds, least).next({ slow: true })).toBe(15_000);
    expect(new Backoff(bounds, most).next({ slow: true })).toBe(30_000);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T10:00:00Z');
  test.each([
    ['3', 3000],
    [' 0 ', 0],
    ['Sat, 21 Nov 2026 10:00:07 GMT', 7000],
    ['Saturday, 21-Nov-26 10:00:07 GMT', 7000],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['999999999999', 3_600_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 3_600_000],
  ])('%j is understood', (value, ms) => {
    expect(parseRetryAfter(value, now)).toBe(ms);
  });

  test.each([undefined, '', '-5', '1.5', 'soon', '1e3'])('%j is ignored', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  });
});

test('a sleep ends early when it is aborted', async () => {
  const controller = new AbortController();
  const slept = sleep(1_000_000, controller.signal);
  controller.abort();
  await slept;
  await sleep(1_000_000, controller.signal);
});
