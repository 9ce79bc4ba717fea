import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { open } from 'lmdb';
import { expect, it } from 'vitest';
import { newDirectory } from './directories.js';

const user = (username: string) => ({ from: 'test', type: 'add', data: { username } });

/** Number of entries of indices in the files of a store that is closed. */
async function entries(dataDir: string): Promise<number> {
  const database = open({ path: join(dataDir, 'events.mdb'), noSubdir: true, readOnly: true });
  const keys = [...database.getKeys()] as unknown[][];
  await database.close();
  return keys.filter(([kind]) => kind === 'v' || kind === 'w').length;
}

it('keeps indices, and how far they are, for the next start', async () => {
  const dataDir = newDirectory();
  const index = { id: 'users-by-name', channel: 'users', field: 'data.username' };
  for (let start = 1; start <= 3; start++) {
    const store = await openLmdbStore({ dataDir });
    await store.createIndex(index);
    expect(await store.indices()).toEqual([index]);
    await store.append('users', [user('alice'), user('bob')]);
    const { rows } = await store.readIndex({ id: index.id, value: 'alice', limit: 10 });
    expect(rows.events.map(({ id }) => id)).toEqual([5, 3, 1].slice(3 - start));
    await store.close();
    expect(await entries(dataDir)).toBe(4 * start);
  }
});

it('removes what an index has of events that retention has dropped', async () => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir, retention: { maxEvents: 100 } });
  await store.createIndex({ id: 'a', channel: 'users', field: 'data.username' });
  const read = () => store.readIndex({ id: 'a', value: 'user-9-1', limit: 10 });
  for (let round = 0; round < 10; round++) {
    await store.append(
      'users',
      Array.from({ length: 500 }, (_, n) => user(`user-${round}-${n}`)),
    );
    await read();
  }
  for (let n = 0; n < 3; n++) await read();
  await store.close();
  expect(await entries(dataDir)).toBe(200);
});

it('lets no read of an index outlive its store', async () => {
  const store = await openLmdbStore({ dataDir: newDirectory() });
  await store.append(
    'users',
    Array.from({ length: 3_000 }, () => user('alice')),
  );
  await store.createIndex({ id: 'a', channel: 'users', field: 'data.username' });
  const reads = [1, 2, 3].map(() => store.readIndex({ id: 'a', value: 'alice', limit: 1 }));
  const settled = Promise.allSettled(reads);
  await store.close();
  for (const outcome of await settled) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ServiceUnavailable' } });
  }
});
