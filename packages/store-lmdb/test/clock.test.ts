import { expect, it, onTestFinished, vi } from 'vitest';
import { openLmdbStore } from '../src/index.js';
import { newDirectory } from './directories.js';

it('a clock that steps back does not take the timestamps with it, over a restart either', async () => {
  const dataDir = newDirectory();
  vi.useFakeTimers({ toFake: ['Date'], now: 2_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const append = async () => {
    const store = await openLmdbStore({ dataDir });
    const [header] = await store.append('a', [{ from: 'f', type: 't' }]);
    await store.close();
    return header?.timestamp;
  };
  expect(await append()).toBe(2_000_000);
  vi.setSystemTime(1_000_000);
  expect(await append()).toBe(2_000_000);
  vi.setSystemTime(3_000_000);
  expect(await append()).toBe(3_000_000);
});

it('ends the windows of keys that were used while the clock was ahead, over a restart too', async () => {
  const dataDir = newDirectory();
  const idempotencyWindowMs = 60_000;
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 2_000_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const used = async (use: (append: (key: string) => Promise<number | undefined>) => Promise<void>) => {
    const store = await openLmdbStore({ dataDir, idempotencyWindowMs });
    await use(async (key) => {
      const idempotency = { clientId: 'c', key };
      return (await store.append('a', [{ from: 'f', type: 't' }], { idempotency }))[0]?.id;
    });
    await store.close();
  };
  await used(async (append) => expect(await append('ahead')).toBe(1));
  // It was a year ahead.
  vi.setSystemTime(1_970_000_000_000);
  await used(async (append) => {
    expect(await append('ahead')).toBe(1);
    vi.advanceTimersByTime(idempotencyWindowMs - 1);
    expect(await append('ahead')).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await append('ahead')).toBe(2);
  });
});
