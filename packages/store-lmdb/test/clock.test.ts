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
