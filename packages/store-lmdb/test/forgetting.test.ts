import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compactLmdbStore, openLmdbStore, verifyLmdbStore } from '@ganomede/events-store-lmdb';
import { expect, it } from 'vitest';
import { type ChannelRecord, encodeChannel, readChannel } from '../src/channel-record.js';
import { Database } from '../src/database.js';
import { channelKey, channelNumberKey, deletedChannelKey } from '../src/keys.js';
import { newDirectory } from './directories.js';

const SECRET = 'alice@example.com';
const LARGE = 'x'.repeat(20_000);

const about = (name: string) => ({ from: 'test', type: 'add', data: { name, LARGE } });

const holds = (dataDir: string) => readFileSync(join(dataDir, 'events.mdb')).includes(SECRET);

it('leaves nothing that was redacted, trimmed or deleted in the file once it is compacted', async () => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  const channels = ['redacted', 'trimmed', 'deleted', 'deleted, then used'];
  for (const channel of channels) {
    await store.createIndex({ id: channel, channel, field: 'data.name' });
    await store.append(channel, [...Array(5).fill(about(SECRET)), about('bob')]);
    await store.readIndex({ id: channel, value: SECRET, limit: 9 });
    await store.saveCursor(SECRET, channel, 1);
    await store.saveCursor(SECRET, `${channel}:add`, 1);
  }
  await store.redact('redacted', [1, 2, 3, 4, 5]);
  await store.trim('trimmed', { id: 6 });
  for (const channel of ['redacted', 'trimmed']) {
    for (const name of [channel, `${channel}:add`]) await store.deleteConsumer(SECRET, name);
  }
  for (const channel of channels.slice(2)) await store.deleteChannel(channel);
  await store.append('deleted, then used', [about('bob')]);
  await store.close();
  expect(await verifyLmdbStore(dataDir)).toEqual({ channels: 4, events: 8, damage: [] });
  await compactLmdbStore(dataDir);
  expect(holds(dataDir)).toBe(false);

  const reopened = await openLmdbStore({ dataDir });
  const listed = await reopened.channels({ limit: 9 });
  expect(listed.map(({ channel, firstId, lastId }) => [channel, firstId, lastId])).toEqual([
    ['deleted, then used', 7, 7],
    ['redacted', 1, 6],
    ['trimmed', 6, 6],
  ]);
  expect(await reopened.append('deleted', [about('bob')])).toMatchObject([{ id: 7 }]);
  const [first] = (await reopened.read({ channel: 'redacted', after: 0, limit: 1 })).events;
  expect(first).toMatchObject({ id: 1, redacted: true });
  await reopened.redact('redacted', [6]);
  await reopened.close();
});

it('does the rest of a deletion that was broken off when it is asked for again', async () => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  await store.append('a', Array(1_000).fill(about(SECRET)));
  for (let i = 0; i < 20; i++) await store.saveCursor(`${SECRET} ${i}`, 'a', 1);
  await store.close();
  // As its first commit leaves it.
  const database = new Database(dataDir, 0);
  const record = readChannel(database, 'a') as ChannelRecord;
  await database.commit(
    [
      { key: channelNumberKey('a'), value: undefined },
      { key: deletedChannelKey('a'), value: Buffer.from(String(record.number)) },
      { key: channelKey(record.number), value: encodeChannel('a', { ...record, firstId: 1_001 }) },
    ],
    { fromReserve: false },
  );
  await database.close();

  const again = await openLmdbStore({ dataDir });
  await again.deleteChannel('a');
  expect(await again.channels({ limit: 9 })).toEqual([]);
  expect(await again.consumers('a', { limit: 9 })).toEqual([]);
  await again.close();
  expect((await verifyLmdbStore(dataDir)).damage).toEqual([]);
  await compactLmdbStore(dataDir);
  expect(holds(dataDir)).toBe(false);
});
