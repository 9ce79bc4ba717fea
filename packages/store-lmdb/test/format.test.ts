import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { expect, it } from 'vitest';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

/** A directory that the version with that format wrote (see fixtures/write-format.mjs). */
function directoryOfFormat(format: number): string {
  const dataDir = newDirectory();
  const file = gunzipSync(readFileSync(new URL(`./fixtures/format-${format}.mdb.gz`, import.meta.url)));
  writeFileSync(join(dataDir, 'events.mdb'), file);
  return dataDir;
}

it.each([2, 3])('brings over what format %i holds, once', async (format) => {
  const dataDir = directoryOfFormat(format);
  const options = { dataDir, idempotencyWindowMs: 100 * 365 * 86_400_000 };
  for (const last of [51, 52]) {
    const store = await openLmdbStore(options);
    const page = await store.read({ channel: 'orders', after: 0, limit: 100 });
    expect(page).toMatchObject({ firstId: 31, lastId: last, count: last - 30 });
    expect((await store.latest({ channel: 'größe', limit: 10 })).events.map(({ data }) => data)).toEqual([
      { n: 0 },
      { n: 1 },
      { n: 2 },
    ]);
    const cursors = await Promise.all([
      store.loadCursor('mailer', 'orders'),
      store.loadCursor('mailer:1', 'orders:paid'),
      store.loadCursor('mail', 'größe'),
      store.loadCursor('users/v1', 'mailer/v1'),
      store.loadCursor('mailer/v1', 'users/v1'),
      store.loadCursor('orders', 'mailer'),
    ]);
    expect(cursors.map(({ after }) => after)).toEqual([42, 44, 2, 7, 9, 0]);
    const { rows } = await store.readIndex({ id: 'by-order', value: '17', limit: 10 });
    expect(rows.events.map(({ id }) => id)).toEqual([51]);

    const repeated = await store.append('orders', [{ from: 'shop', type: 'paid', data: { order: 17 } }], {
      idempotency: { clientId: 'shop', key: 'order-17' },
    });
    expect(repeated.map(({ id }) => id)).toEqual([51]);
    const other = store.append('orders', [{ from: 'shop', type: 'paid', data: { order: 18 } }], {
      idempotency: { clientId: 'shop', key: 'order-17' },
    });
    await expect(other).rejects.toMatchObject({ code: 'IdempotencyKeyReused' });
    if (last === 51) await store.append('orders', [{ from: 'shop', type: 'sent' }]);
    await store.close();
  }
});

it('does not know when a cursor of format 2 was saved', async () => {
  const storage = await LmdbStorage.open(directoryOfFormat(2));
  const consumer = { clientId: 'mailer', channel: 'orders', type: undefined };
  expect(await storage.cursors.load(consumer)).toEqual({ after: 42, savedAt: undefined, epoch: undefined });
  await storage.cursors.save(consumer, 43, undefined);
  expect(await storage.cursors.load(consumer)).toEqual({
    after: 43,
    savedAt: expect.any(Number),
    epoch: undefined,
  });
  await storage.close();
});
