import { afterEach, expect, it, vi } from 'vitest';
import { type EventStore, openEventStore } from '../src/event-store.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';
import type { Retention } from '../src/options.js';

/** A memory engine that tells how it is swept, and shares the right to with others. */
class Swept extends MemoryStorage {
  /** Names of channels, in the order of trims. */
  readonly trimmed: string[] = [];
  /** When each page was asked for, and after which channel. */
  readonly pages: { readonly after: string; readonly at: number }[] = [];
  readonly signals = new Set<AbortSignal>();
  readonly takes: number[] = [];
  onPage = (_count: number) => {};
  /** Whether it may be swept, each time. */
  mayTake = (_count: number) => true;

  constructor() {
    super();
    const { list, trim } = this.channels;
    this.channels.list = (range) => {
      this.onPage(this.pages.push({ after: range.after, at: performance.now() }));
      return list(range);
    };
    this.channels.trim = (name: string, limits, signal?: AbortSignal) => {
      this.trimmed.push(name);
      if (signal) this.signals.add(signal);
      return trim(name, limits);
    };
  }

  async takeSweep(forMs: number): Promise<boolean> {
    return this.mayTake(this.takes.push(forMs));
  }
}

let store: EventStore | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await store?.close();
  store = undefined;
});

const nameOf = (n: number) => `c${String(n).padStart(3, '0')}`;

async function openSwept(channels: number, retention: Retention, storage = new Swept()): Promise<Swept> {
  store = await openEventStore(() => storage, { retention });
  for (let n = 1; n <= channels; n++) await store.append(nameOf(n), [{ from: 'f', type: 't' }]);
  return storage;
}

it('goes through every channel, a page at a time, over most of the time between two sweeps', async () => {
  const storage = await openSwept(250, { maxAgeMs: 1 });
  await expect.poll(() => storage.pages.length).toBeGreaterThanOrEqual(4);
  const [first, , third, last] = storage.pages;
  expect(storage.pages.slice(0, 4).map(({ after }) => after)).toEqual([
    '',
    nameOf(100),
    nameOf(200),
    nameOf(250),
  ]);
  expect(storage.trimmed.slice(0, 250)).toEqual(Array.from({ length: 250 }, (_, i) => nameOf(i + 1)));
  // A page is asked for first, and waits then.
  expect((third?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(200);
  expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(500);
  // Once for the sweep, and once for each page but the first.
  expect(storage.takes.slice(0, 3)).toEqual([900, 900, 900]);
  expect((await store?.read({ channel: nameOf(7), after: 0, limit: 1 }))?.firstId).toBe(0);
});

it('leaves it to another process while that has the right to', async () => {
  const storage = new Swept();
  storage.mayTake = () => false;
  await openSwept(1, { maxAgeMs: 1 }, storage);
  await expect.poll(() => storage.takes.length).toBeGreaterThanOrEqual(2);
  expect([storage.pages, storage.trimmed]).toEqual([[], []]);
});

it('leaves the rest to another process that has taken the right meanwhile', async () => {
  const storage = new Swept();
  storage.mayTake = (count) => count === 1;
  await openSwept(150, { maxAgeMs: 1 }, storage);
  await expect.poll(() => storage.takes.length).toBeGreaterThanOrEqual(3);
  expect(storage.trimmed).toHaveLength(100);
});

it('stops in the middle when it is closed', async () => {
  const storage = new Swept();
  let closing: Promise<void> | undefined;
  storage.onPage = (count) => {
    if (count === 2) closing = store?.close();
  };
  await openSwept(150, { maxAgeMs: 1 }, storage);
  await expect.poll(() => closing !== undefined).toBe(true);
  await closing;
  expect([...storage.signals].map(({ aborted }) => aborted)).toEqual([true]);
  expect(storage.trimmed).toHaveLength(100);
});

it.each<[Retention, number]>([
  [{ maxAgeMs: 1 }, 1_000],
  [{ maxAgeMs: 100_000 }, 10_000],
  [{ maxAgeMs: 86_400_000 }, 60_000],
  [{ maxEvents: 5 }, 60_000],
  [{ channels: { 'a*': { maxAgeMs: 200_000 }, b: { maxAgeMs: 100_000 } } }, 10_000],
  [{ channels: { 'a*': { maxEvents: 5 } } }, 60_000],
])('keeping %j sweeps every %i ms', async (retention, everyMs) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const storage = await openSwept(0, retention);
  for (const times of [1, 2]) {
    vi.advanceTimersByTime(everyMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(storage.takes).toHaveLength(times - 1);
    vi.advanceTimersByTime(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(storage.takes).toHaveLength(times);
  }
});

it('leaves channels alone that keep everything', async () => {
  const storage = await openSwept(3, { maxAgeMs: 1, channels: { [nameOf(2)]: {} } });
  await expect.poll(() => storage.trimmed.length).toBeGreaterThanOrEqual(2);
  expect(storage.trimmed.slice(0, 2)).toEqual([nameOf(1), nameOf(3)]);
});

it.each<Retention>([{}, { channels: { 'a*': {}, b: {} } }])(
  'does nothing where everything is kept: %j',
  async (retention) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await openSwept(0, retention);
    expect(vi.getTimerCount()).toBe(0);
  },
);
