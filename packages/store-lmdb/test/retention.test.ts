import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { open } from 'lmdb';
import { expect, it } from 'vitest';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

const events = (count: number, type: string) => Array.from({ length: count }, () => ({ from: 'test', type }));

it('sweeps its channels and nothing else', async () => {
  const storage = await LmdbStorage.open(newDirectory());
  const events = [{ text: '"from":"f","type":"t"}', type: 't', filed: 't' }];
  await storage.append({ channel: 'only', events, bytes: 22, maxEvents: 0, idempotency: undefined });
  expect(await storage.channels.list({ after: '', limit: 10 })).toEqual(['only']);
  await storage.close();
});

it('leaves nothing of old events but the counter', async () => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir, retention: { maxAgeMs: 300 } });
  for (let n = 1; n <= 20; n++) await store.append(`old/${n}`, [...events(3, 'a'), ...events(3, `b${n}`)]);
  await store.append('long', events(2_500, 'a'));
  const position = (channel: string) => store.read({ channel, after: 0, limit: 1 });
  // The last channel of a sweep: when it is empty the next sweep has removed what the others have dropped.
  for (let sweeps = 0; sweeps < 2; sweeps++) {
    await store.append('zz', events(1, 'a'));
    while ((await position('zz')).firstId > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await position('old/1')).toMatchObject({ firstId: 0, lastId: 6 });
  expect(await store.append('old/1', events(1, 'a'))).toMatchObject([{ id: 7 }]);
  await store.close();

  const database = open({
    path: join(dataDir, 'events.mdb'),
    noSubdir: true,
    encoding: 'binary',
    readOnly: true,
  });
  const kept = [...database.getKeys()]
    .map((key) => key as (string | number)[])
    .filter(([channel, kind]) => typeof channel === 'number' && kind !== 'c');
  await database.close();
  expect(kept.filter(([channel]) => channel === 1)).toEqual([
    [1, 7],
    [1, 't', 'a', 7],
  ]);
  // What is left besides belongs to the channel that was dropped last.
  expect(new Set(kept.map(([channel]) => channel)).size).toBeLessThanOrEqual(2);
});
