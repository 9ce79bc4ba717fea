// What a store holds goes into a file, and from there into another store, on another engine too.

import { createReadStream, createWriteStream, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { digestStore, exportStore, importStore, openEventStore, type Storage } from '@ganomede/events-store';
import { openLmdbStorage } from '@ganomede/events-store-lmdb';
import { openRedisStorage } from '@ganomede/events-store-redis';
import { Process, RedisCluster, RedisServer, TemporaryFolder } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const EVENTS = 6_000;

/** Restores the backup in FILE, and kills itself once so many events have been brought, if it is to. */
const RESTORE = `
import { createReadStream } from 'node:fs';
import { importStore } from '@ganomede/events-store';
import { openLmdbStorage } from '@ganomede/events-store-lmdb';
import { openRedisStorage } from '@ganomede/events-store-redis';
const { DATA_DIR, NODES, URL, FILE, KILLED_AT } = process.env;
const storage = DATA_DIR
  ? await openLmdbStorage({ dataDir: DATA_DIR })
  : await openRedisStorage(URL ? { url: URL } : { cluster: NODES.split(',') });
const onProgress = ({ events }) => {
  if (KILLED_AT && events >= Number(KILLED_AT)) process.kill(process.pid, 'SIGKILL');
};
const { stored, known } = await importStore(storage, () => createReadStream(FILE), { onProgress });
await storage.close();
console.log(stored + ' ' + known);
`;

let folder: TemporaryFolder;
let cluster: RedisCluster;
let redis: RedisServer;
beforeAll(async () => {
  folder = new TemporaryFolder();
  [cluster, redis] = await Promise.all([RedisCluster.start(), RedisServer.start()]);
});
afterAll(async () => {
  await Promise.all([cluster?.stop(), redis?.stop()]);
  folder?.remove();
});

let files = 0;
const newPath = () => join(folder.path, String(++files));

const event = (n: number, type = 'add') => ({ from: 'test', type, data: { n, user: `user-${n % 7}` } });
const worker = { clientId: 'worker', limit: 30, timeoutMs: 0 };

/** Has something of everything. */
async function fill(storage: Storage): Promise<void> {
  const store = await openEventStore(() => storage);
  for (let n = 0; n < EVENTS; n += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, i) => event(n + i, i % 3 ? 'add' : 'größe'));
    await store.append('users/v1', some);
  }
  await store.append('users/v1:other', [event(1), event(2)]);
  await store.append('{100 %}', [event(1), event(2), event(3)]);
  await store.redact('{100 %}', [2]);
  await store.append('trimmed', Array.from({ length: 2_000 }, (_, n) => event(n)));
  await store.trim('trimmed', { id: 1_500 });
  await store.append('deleted', [event(1), event(2)]);
  await store.deleteChannel('deleted');
  for (let n = 0; n < 300; n++) {
    const { epoch } = await store.read({ channel: 'users/v1', after: n, limit: 1 });
    await store.saveCursor(`mailer ${n}`, n % 2 ? 'users/v1' : 'users/v1:add', n, epoch);
  }
  await store.createIndex({ id: 'by-user', channel: 'users/v1', field: 'data.user' });
  await store.saveGroup('users/v1', 'group:1', { order: 'data.user', maxDeliveries: 2, backoffMs: [3_600_000] });
  await store.saveGroup('users/v1:größe', 'other', {});
  const { events } = await store.receive('users/v1', 'group:1', worker);
  const [first, second, third] = events.map(({ id, delivery: { token } }) => ({ id, token }));
  if (!first || !second || !third) throw new Error('Nothing was given');
  await store.settle('users/v1', 'group:1', [
    { kind: 'acknowledge', ...first },
    { kind: 'reject', reason: 'größe', ...second },
    { kind: 'release', reason: 'later', ...third },
  ]);
  await store.receive('users/v1:größe', 'other', { ...worker, limit: 3 });
  // Dead letters are written beside it.
  await store.close();
}

type Taken = readonly (readonly [id: number, count: number])[];
type Given = readonly [ids: readonly [Taken, Taken], rows: string, redriven: readonly number[]];

/** What group workers are given now (ids, and the count of each delivery), an index finds, and is redriven. */
async function given(storage: Storage): Promise<Given> {
  const store = await openEventStore(() => storage);
  const take = async (channel: string, group: string): Promise<Taken> => {
    const { events } = await store.receive(channel, group, worker);
    return events.map(({ id, delivery }) => [id, delivery.count]);
  };
  const taken = [await take('users/v1', 'group:1'), await take('users/v1:größe', 'other')] as const;
  const { rows } = await store.readIndex({ id: 'by-user', value: 'user-3', limit: 5 });
  const redriven = await store.redrive('users/v1', 'group:1', { limit: 10 });
  await store.close();
  return [taken, rows.json.toString(), redriven];
}

async function backUp(storage: Storage): Promise<string> {
  const file = newPath();
  await pipeline(Readable.from(exportStore(storage)), createWriteStream(file));
  return file;
}

function restore(file: string, env: Record<string, string>): Process {
  return new Process(process.execPath, ['--input-type=module', '-e', RESTORE], {
    cwd: import.meta.dirname,
    env: { FILE: file, ...env },
  });
}

async function withStorage<T>(storage: Promise<Storage>, use: (storage: Storage) => Promise<T>): Promise<T> {
  const opened = await storage;
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

const digestsOf = async (storage: Storage) => {
  const channels = new Map<string, string>();
  const total = await digestStore(storage, { onChannel: (channel, digest) => channels.set(channel, digest) });
  return { total, channels: Object.fromEntries(channels) };
};

describe('a backup', () => {
  it('goes from a folder into a Redis Cluster, a Redis, and back into a folder, through restores that are killed', async () => {
    const dataDir = newPath();
    await fill(await openLmdbStorage({ dataDir }));
    const [file, digests] = await withStorage(openLmdbStorage({ dataDir }), async (storage) => [
      await backUp(storage),
      await digestsOf(storage),
    ]);
    const copyDir = newPath();
    const ends = {
      cluster: { env: { NODES: cluster.nodes.join(',') }, open: () => openRedisStorage({ cluster: cluster.nodes }) },
      redis: { env: { URL: redis.url }, open: () => openRedisStorage({ url: redis.url }) },
      folder: { env: { DATA_DIR: copyDir }, open: () => openLmdbStorage({ dataDir: copyDir }) },
    };
    let last = file;
    for (const { env, open } of Object.values(ends)) {
      for (const killedAt of ['1', '2000', '5000']) {
        await using killed = restore(last, { ...env, KILLED_AT: killedAt });
        expect([await killed.exited(), killed.stderr]).toEqual([null, '']);
      }
      await using whole = restore(last, env);
      expect([await whole.exited(), whole.stderr]).toEqual([0, '']);
      const [stored = 0, known = 0] = (await whole.line(0)).split(' ').map(Number);
      expect(known, 'what the killed ones had brought').toBeGreaterThanOrEqual(5_000);
      expect(stored).toBeGreaterThan(0);
      last = await withStorage(open(), async (storage) => {
        expect(await digestsOf(storage)).toEqual(digests);
        return backUp(storage);
      });
    }

    const all: Given[] = [];
    for (const { open } of Object.values(ends)) all.push(await given(await open()));
    const [[[ordered, other], rows, redriven]] = all as [Given];
    expect(ordered, 'the third waits for an hour, and holds back those of its user').toEqual([
      ...[4, 5, 6, 7, 8, 9].map((id) => [id, 1]),
    ]);
    expect(other).toEqual([1, 4, 7].map((id) => [id, 1]));
    expect(rows).toContain('"user":"user-3"');
    expect(redriven).toEqual([2]);
    expect(all).toEqual(all.map(() => all[0]));
  });

  it('that is not whole is refused, and nothing of it is stored', async () => {
    const dataDir = newPath();
    await fill(await openLmdbStorage({ dataDir }));
    const file = await withStorage(openLmdbStorage({ dataDir }), backUp);
    truncateSync(file, statSync(file).size - 100);
    await withStorage(openLmdbStorage({ dataDir: newPath() }), async (storage) => {
      const refused = importStore(storage, () => createReadStream(file));
      await expect(refused).rejects.toMatchObject({ code: 'InvalidContent' });
      expect(await storage.channels.count()).toBe(0);
    });
  });
});
