import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { open } from 'lmdb';
import { expect, it } from 'vitest';
import { newDirectory } from './directories.js';

const event = { from: 'test', type: 'add' };
const once = (key: string) => ({ idempotency: { clientId: 'web', key } });

/** Number of entries of idempotency keys in the files of a store that is closed. */
async function entries(dataDir: string): Promise<number> {
  const database = open({ path: join(dataDir, 'events.mdb'), noSubdir: true, readOnly: true });
  const keys = [...database.getKeys()] as unknown[][];
  await database.close();
  return keys.filter(([kind]) => kind === 'o' || kind === 'x').length;
}

it('remembers idempotency keys across a restart', async () => {
  const dataDir = newDirectory();
  const first = await openLmdbStore({ dataDir });
  const headers = await first.append('a', [event, event], once('k'));
  await first.close();
  const second = await openLmdbStore({ dataDir });
  expect(await second.append('a', [event, event], once('k'))).toEqual(headers);
  expect(await second.append('a', [event])).toMatchObject([{ id: 3 }]);
  await second.close();
});

it('forgets idempotency keys after their window', async () => {
  const dataDir = newDirectory();
  const windowMs = 50;
  const keys = Array.from({ length: 1_200 }, (_, n) => String(n));
  const store = await openLmdbStore({ dataDir, idempotencyWindowMs: windowMs });
  for (let round = 1; round <= 3; round++) {
    await Promise.all(keys.map((key) => store.append(`a/${round}`, [event], once(key))));
    await new Promise((resolve) => setTimeout(resolve, windowMs + 5));
    // What has expired is swept beside later appends.
    for (let n = 0; n < 5; n++) await store.append('b', [event], once(`${round} ${n}`));
  }
  await store.close();
  expect(await entries(dataDir)).toBeLessThan(100);

  await new Promise((resolve) => setTimeout(resolve, windowMs + 5));
  const last = await openLmdbStore({ dataDir });
  // A write that comes after the sweep of the start.
  await last.append('b', [event]);
  await last.close();
  expect(await entries(dataDir)).toBe(0);
});
