import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compactLmdbStore, openLmdbStore, verifyLmdbStore } from '@ganomede/events-store-lmdb';
import { SmallDisk } from '@ganomede/events-testing';
import { open } from 'lmdb';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Database } from '../src/database.js';
import { freeBytes } from '../src/disk-space.js';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

const events = (count: number, type: string) => Array.from({ length: count }, () => ({ from: 'test', type }));

it('sweeps its channels and nothing else', async () => {
  const storage = await LmdbStorage.open(newDirectory());
  const events = [{ text: '"from":"f","type":"t"}', type: 't', filed: 't' }];
  await storage.append({ channel: 'only', events, bytes: 22, maxEvents: 0, idempotency: undefined });
  expect(await storage.channels.list({ prefix: '', after: '', limit: 10 })).toEqual(['only']);
  await storage.close();
});

it('keeps the file small while a publisher is faster than any sweep', async () => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir, retention: { maxEvents: 1_000 } });
  const batch = events(100, 'a').map((event, n) => ({
    ...event,
    type: `t${n % 3}`,
    data: { text: 'x'.repeat(100) },
  }));
  // 27 MB if nothing is removed.
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let n = 0; n < 250; n++) await store.append('a', batch);
    }),
  );
  const page = await store.read({ channel: 'a', after: 0, limit: 10_000 });
  expect(page).toMatchObject({ lastId: 100_000 });
  expect(page.count).toBeGreaterThanOrEqual(1_000);
  expect(page.count).toBeLessThanOrEqual(1_100);
  const types = await Promise.all(
    ['t0', 't1', 't2'].map((type) => store.read({ channel: `a:${type}`, after: 0, limit: 10_000 })),
  );
  expect(types.reduce((sum, { count }) => sum + count, 0)).toBe(page.count);
  await store.close();
  expect(statSync(join(dataDir, 'events.mdb')).size).toBeLessThan(6_000_000);
});

describe('a backlog', () => {
  const COUNT = 30_000;
  const MIB = 1024 * 1024;
  const dropAllButTen = (storage: LmdbStorage) =>
    storage.channels.trim('a', { maxEvents: 10, maxAgeMs: 0, now: Date.now() }, new AbortController().signal);

  async function fill(dataDir: string, type: (n: number) => string): Promise<void> {
    const store = await openLmdbStore({ dataDir });
    for (let n = 0; n < COUNT; n += 1_000) {
      await store.append(
        'a',
        events(1_000, '').map((event, i) => ({ ...event, type: type(n + i) })),
      );
    }
    await store.close();
  }

  it.for([
    ['at once', 4, () => 't'],
    ['in smaller steps', 24, (n: number) => `t${n}`],
  ] as const)('is removed %s where the disk has %i MiB left', async ([, left, type], { skip }) => {
    const disk = SmallDisk.mount(128 * MIB);
    if (typeof disk === 'string') return skip(disk);
    onTestFinished(() => disk[Symbol.dispose]());
    const { path: dataDir } = disk;
    await fill(dataDir, type);
    const storage = await LmdbStorage.open(dataDir, 2 * (freeBytes(dataDir) - left * MIB));
    await dropAllButTen(storage);
    await storage.close();
    const { before, after } = await compactLmdbStore(dataDir);
    expect(after).toBeLessThan(before / 10);
  });

  it('is removed in commits that others do not wait for', async () => {
    const dataDir = newDirectory();
    await fill(dataDir, () => 't');
    const commit = vi.spyOn(Database.prototype, 'commit');
    onTestFinished(() => commit.mockRestore());
    const storage = await LmdbStorage.open(dataDir);
    await dropAllButTen(storage);
    await storage.close();
    const sizes = commit.mock.calls.map(([changes]) => changes.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(2 * (COUNT - 10));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000);
  });
});

it('compacts where the disk has room for what is left, though not for a second file as large', async ({
  skip,
}) => {
  const MIB = 1024 * 1024;
  const disk = SmallDisk.mount(24 * MIB);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk[Symbol.dispose]());
  const { path: dataDir } = disk;
  const storage = await LmdbStorage.open(dataDir, MIB);
  const event = { text: `"from":"f","type":"t","data":"${'x'.repeat(MIB)}"}`, type: 't', filed: 't' };
  const append = () =>
    storage.append({
      channel: 'a',
      events: [event],
      bytes: event.text.length,
      maxEvents: 0,
      idempotency: undefined,
    });
  for (let n = 0; n < 14; n++) await append();
  await storage.channels.trim(
    'a',
    { maxEvents: 2, maxAgeMs: 0, now: Date.now() },
    new AbortController().signal,
  );
  await storage.close();
  const { before, after } = await compactLmdbStore(dataDir);
  expect(before).toBeGreaterThan(14 * MIB);
  expect(after).toBeLessThan(3 * MIB);
});

it('gives room back to the system by a compacting copy, and has what it had', async () => {
  const dataDir = newDirectory();
  const path = join(dataDir, 'events.mdb');
  const store = await openLmdbStore({ dataDir });
  const large = { from: 'test', type: 'a', data: { text: 'x'.repeat(1_000) } };
  for (let n = 0; n < 10; n++) await store.append('a', new Array(500).fill(large));
  await store.append('b', events(3, 'b'));
  await store.saveCursor('mailer', 'b', 2);
  await expect(compactLmdbStore(dataDir)).rejects.toThrow('another server is using it');
  await store.close();
  const keeping = await LmdbStorage.open(dataDir);
  await keeping.channels.trim('a', { maxEvents: 10, maxAgeMs: 0, now: 0 }, new AbortController().signal);
  await keeping.close();
  const { size } = statSync(path);
  const { before, after } = await compactLmdbStore(dataDir);
  expect(before).toBe(size);
  expect(after).toBe(statSync(path).size);
  expect(after).toBeLessThan(size / 10);
  expect(readdirSync(dataDir).filter((name) => !/^(events\.mdb(-lock)?|lock)$/.test(name))).toEqual([]);

  expect(await verifyLmdbStore(dataDir)).toEqual({ channels: 2, events: 13, damage: [] });
  const again = await openLmdbStore({ dataDir });
  expect(await again.loadCursor('mailer', 'b')).toMatchObject({ after: 2 });
  expect(await again.append('a', [large])).toMatchObject([{ id: 5_001 }]);
  await again.close();
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
