import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventStore } from '../event-store.js';
import { event, newChannel, type OpenStore, type StoreUnderTest } from './store-under-test.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;

const once = (key: string) => ({ idempotency: { clientId: 'web', key } });

/** Sets the clock of the machine: what has gone by since is another matter. */
function setClock(byMs: number): void {
  vi.setSystemTime(Date.now() + byMs);
}

/** Time goes by. */
function pass(ms: number): void {
  vi.advanceTimersByTime(ms);
}

async function firstIds(store: EventStore, channels: readonly string[]): Promise<number[]> {
  const pages = await Promise.all(channels.map((channel) => store.read({ channel, after: 0, limit: 1 })));
  return pages.map(({ firstId }) => firstId);
}

/** Lets time go by, a sweep at a time, until the oldest ids of the channels are these; for `withinMs` of it at most. */
async function passUntilFirst(
  store: EventStore,
  channels: readonly string[],
  expected: readonly number[],
  withinMs: number,
): Promise<void> {
  let found = await firstIds(store, channels);
  for (let left = withinMs; left > 0 && String(found) !== String(expected); left -= MINUTE_MS) {
    pass(MINUTE_MS);
    // The sweep that this has begun, or the one before, takes its own time.
    await new Promise((resolve) => setTimeout(resolve, 10));
    found = await firstIds(store, channels);
  }
  expect(found).toEqual(expected);
}

/**
 * Registers the Vitest suite of a store that goes by the clock of this process: what a jump of it does, and what it does
 * not do.
 */
export function describeProcessClock(name: string, open: OpenStore): void {
  describe(`${name}, and a clock that jumps`, () => {
    let underTest: StoreUnderTest | undefined;

    const openForTest = async (...options: Parameters<OpenStore>) => {
      underTest = await open(...options);
      return underTest;
    };

    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] });
    });

    afterEach(async () => {
      await underTest?.close();
      vi.useRealTimers();
    });

    it('keeps timestamps from going back, and gives right ones again ten minutes after it is right', async () => {
      const { store } = await openForTest();
      const channel = newChannel();
      const append = async () => (await store.append(channel, [event(1)]))[0]?.timestamp ?? 0;
      const first = await append();
      expect(first).toBe(Date.now());
      setClock(-5_000);
      expect(await append()).toBe(first);
      setClock(YEAR_MS);
      const ahead = await append();
      expect(ahead).toBe(Date.now());
      setClock(-YEAR_MS);
      expect(await append()).toBe(ahead);
      pass(10 * MINUTE_MS - 1);
      expect(await append()).toBe(ahead);
      pass(1);
      const right = await append();
      expect(right).toBe(Date.now());
      pass(5_000);
      expect(await append()).toBe(right + 5_000);
    });

    it('keeps timestamps while it is set back for less than ten minutes', async () => {
      const { store } = await openForTest();
      const channel = newChannel();
      const append = async () => (await store.append(channel, [event(1)]))[0]?.timestamp ?? 0;
      pass(HOUR_MS);
      const newest = await append();
      // As after a start with a clock that does not know the year.
      setClock(-YEAR_MS);
      expect(await append()).toBe(newest);
      pass(10 * MINUTE_MS - 1);
      expect(await append()).toBe(newest);
      setClock(YEAR_MS);
      expect(await append()).toBe(newest + 10 * MINUTE_MS - 1);
    });

    it('neither ends the window of an idempotency key nor makes it longer', async () => {
      const { store } = await openForTest({ idempotencyWindowMs: HOUR_MS });
      const channel = newChannel();
      const append = async (key: string) => (await store.append(channel, [event(1)], once(key)))[0]?.id;
      expect(await append('before')).toBe(1);
      setClock(YEAR_MS);
      expect(await append('meanwhile')).toBe(2);
      expect(await append('before')).toBe(1);
      setClock(-YEAR_MS);
      pass(HOUR_MS - 1);
      expect(await append('before')).toBe(1);
      expect(await append('meanwhile')).toBe(2);
      pass(1);
      expect(await append('before')).toBe(3);
      expect(await append('meanwhile')).toBe(4);
    });

    it('drops no event before its age, and those that were given wrong timestamps soon after it', async () => {
      const { store } = await openForTest({ retention: { maxAgeMs: 24 * HOUR_MS } });
      const channels = [newChannel(), newChannel(), newChannel()];
      const [, young, wrong] = channels as [string, string, string];
      // All are there from the first sweep on: one that meets a new channel goes on in a minute.
      for (const channel of channels) await store.append(channel, [event(1)]);
      pass(12 * HOUR_MS);
      await store.append(young, [event(2)]);
      setClock(YEAR_MS);
      await store.append(wrong, [event(2)]);
      // Sweeps go on as if nothing had happened.
      pass(12 * HOUR_MS - MINUTE_MS);
      await passUntilFirst(store, channels, [0, 2, 2], 11 * HOUR_MS);
      setClock(-YEAR_MS);
      pass(11 * HOUR_MS);
      await passUntilFirst(store, channels, [0, 0, 2], 11 * HOUR_MS);
      // It was seen by the sweep that followed the jump.
      pass(11 * HOUR_MS);
      await passUntilFirst(store, channels, [0, 0, 0], 24 * HOUR_MS);
    });
  });
}
