import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { open } from 'lmdb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { crc32, crc32ByTable } from '../src/crc32.js';
import { newDirectory } from './directories.js';

/** A directory with events 1 to 20 of `orders`, half of them `paid`. */
async function newStore(): Promise<string> {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  for (let n = 1; n <= 20; n++) {
    await store.append('orders', [{ from: 'shop', type: n % 2 ? 'paid' : 'sent', data: { mark: `<${n}>` } }]);
  }
  await store.createIndex({ id: 'by-mark', channel: 'orders', field: 'data.mark' });
  await store.readIndex({ id: 'by-mark', value: '<7>', limit: 1 });
  await store.close();
  return dataDir;
}

async function reopen(dataDir: string) {
  const store = await openLmdbStore({ dataDir });
  onTestFinished(() => store.close());
  return store;
}

/** Changes one bit of every copy that the file has of a text. */
function flip(dataDir: string, text: string): void {
  const path = join(dataDir, 'events.mdb');
  const file = readFileSync(path);
  for (let at = file.indexOf(text); at >= 0; at = file.indexOf(text, at + 1)) {
    file[at + 2] = (file[at + 2] as number) ^ 0x08;
  }
  writeFileSync(path, file);
}

/** Removes entries behind the store's back. */
async function remove(dataDir: string, ...keys: (string | number)[][]): Promise<void> {
  const path = join(dataDir, 'events.mdb');
  const database = open({ path, noSubdir: true, overlappingSync: false, encoding: 'binary' });
  for (const key of keys) database.removeSync(key);
  await database.close();
}

describe.each([
  ['a bit of an event has flipped', (dataDir: string) => flip(dataDir, '"<7>"'), 'event 7 is not as it was'],
  ['an event is missing', (dataDir: string) => remove(dataDir, [1, 7]), 'event 7 is missing'],
])('where %s', (_what, spoil, message) => {
  it('a read that meets it says so, and the rest is read', async () => {
    const dataDir = await newStore();
    await spoil(dataDir);
    const store = await reopen(dataDir);
    const damaged = {
      code: 'ServiceUnavailable',
      message: expect.stringMatching(`channel "orders" from ${dataDir}: .*${message}`),
    };
    const ids = async (channel: string, after: number) =>
      (await store.read({ channel, after, limit: 100 })).events.map(({ id }) => id);
    for (const channel of ['orders', 'orders:paid']) {
      expect((await ids(channel, 0)).at(-1)).toBe(channel === 'orders' ? 6 : 5);
      await expect(ids(channel, 6)).rejects.toMatchObject(damaged);
      expect((await ids(channel, 7)).at(-1)).toBe(channel === 'orders' ? 20 : 19);
      const { events } = await store.latest({ channel, limit: 100 });
      expect(events[0]?.id).toBe(channel === 'orders' ? 8 : 9);
      await expect(store.latest({ channel, limit: 1, before: 8 })).rejects.toMatchObject(damaged);
    }
    expect(await ids('orders:sent', 0)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    await expect(store.readIndex({ id: 'by-mark', value: '<7>', limit: 1 })).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining(message),
    });
    expect((await store.readIndex({ id: 'by-mark', value: '<8>', limit: 1 })).rows.count).toBe(1);
    expect(await store.append('orders', [{ from: 'shop', type: 'paid' }])).toMatchObject([{ id: 21 }]);
  });
});

it('the checksum is the same with and without what Node.js has built in', () => {
  const bytes = Buffer.from('{"id":1,"größe":"✓"}');
  for (const start of [0, 1, 0x9e3779b1]) expect(crc32ByTable(bytes, start)).toBe(crc32(bytes, start));
  expect(crc32ByTable(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
});
