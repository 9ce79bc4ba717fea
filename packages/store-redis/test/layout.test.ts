import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { EventStore } from '@ganomede/events-store';
import type { RedisStoreOptions } from '@ganomede/events-store-redis';
import { RedisCluster, RedisServer } from '@ganomede/events-testing';
import { Cluster, type Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { event, failure, openStore } from './support/stores.js';

/** What the last store that wrote layout 1 left, see fixtures/write-layout-1.mjs. */
const layout1 = readFileSync(new URL('./fixtures/layout-1.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as [command: string, key: string, ...args: string[]]);

async function write(admin: Redis | Cluster, lines = layout1): Promise<void> {
  for (const [command, ...args] of lines) await admin.call(command, ...args);
}

const CHANNELS = [...Array.from({ length: 20 }, (_, n) => `many/${n + 1}`), 'users/v1', '{100 %}'].sort();

async function expectLayout2(admin: Redis | Cluster): Promise<void> {
  expect(await admin.get('events:layout')).toBe('2');
  expect(await admin.exists('events:channels')).toBe(0);
  expect(await admin.zrange('events:channel-list', '0', '-1')).toEqual(CHANNELS);
  expect((await admin.smembers('events:{users/v1}:consumer-types')).sort()).toEqual(['', 'add']);
  expect(await admin.smembers('events:{%7B100 %25%7D}:consumer-types')).toEqual(['a}:cursors']);
  expect(await admin.exists('events:{many/1}:consumer-types')).toBe(0);
}

async function expectEverything(store: EventStore): Promise<void> {
  const { events } = await store.read({ channel: 'users/v1', after: 0, limit: 10 });
  expect(events.map(({ data }) => (data as { username: string }).username)).toEqual([
    'alice',
    'bob',
    'alice',
    'carol',
  ]);
  expect((await store.read({ channel: 'users/v1:add', after: 1, limit: 10 })).events).toMatchObject([
    { id: 2 },
    { id: 4 },
  ]);
  expect((await store.read({ channel: '{100 %}:a}:cursors', after: 0, limit: 10 })).count).toBe(1);
  const { rows } = await store.readIndex({ id: 'users-by-name', value: 'alice', limit: 10 });
  expect(rows.events).toMatchObject([{ id: 3 }, { id: 1 }]);
  expect(await store.loadCursor('mailer', 'users/v1')).toMatchObject({ after: 2 });
  expect(await store.loadCursor('mailer', 'users/v1:add')).toMatchObject({ after: 1 });
  expect(await store.loadCursor('audit', 'users/v1')).toMatchObject({ after: 4 });
  expect(await store.loadCursor('mailer', '{100 %}:a}:cursors')).toMatchObject({ after: 1 });
}

describe.each(['one Redis', 'a cluster'])('on %s', (name) => {
  let servers: { stop(): Promise<void> };
  let admin: Redis | Cluster;
  let options: RedisStoreOptions;
  beforeAll(async () => {
    if (name === 'one Redis') {
      const redis = await RedisServer.start();
      [servers, admin, options] = [redis, redis.admin, { url: redis.url }];
    } else {
      const cluster = await RedisCluster.start();
      admin = new Cluster(cluster.servers.map(({ port }) => ({ host: '127.0.0.1', port })));
      await once(admin, 'ready');
      [servers, options] = [cluster, { cluster: cluster.nodes }];
    }
  });
  afterAll(async () => {
    admin?.disconnect();
    await servers?.stop();
  });
  beforeEach(async () => {
    const masters = admin.isCluster ? (admin as Cluster).nodes('master') : [admin as Redis];
    await Promise.all(masters.map((master) => master.flushall()));
  });

  it('layout 1 is brought over, by several servers at once', async () => {
    await write(admin);
    const stores = await Promise.all([1, 2, 3].map(() => openStore(options)));
    await expectLayout2(admin);
    for (const store of stores) await expectEverything(store);
  });

  it('layout 1 is brought over by the next server if one has ended in the middle', async () => {
    await write(admin);
    await admin.sadd('events:{users/v1}:consumer-types', 'add');
    await admin.zadd('events:channel-list', 0, 'many/7', 0, 'users/v1');
    await admin.srem('events:channels', 'many/7');
    const store = await openStore(options);
    await expectLayout2(admin);
    await expectEverything(store);
  });

  it('what a server of the version before writes later is brought over by the next that starts', async () => {
    await write(
      admin,
      layout1.filter(([, key]) => !key.includes('{users/v1}')),
    );
    await admin.srem('events:channels', 'users/v1');
    const first = await openStore(options);
    await write(
      admin,
      layout1.filter(([, key]) => key.includes('{users/v1}')),
    );
    await admin.sadd('events:channels', 'users/v1');
    expect(await first.loadCursor('mailer', 'users/v1')).toMatchObject({ after: 2 });
    const next = await openStore(options);
    await expectLayout2(admin);
    await expectEverything(next);
  });

  it('an idempotency key of layout 1 is still known', async () => {
    await write(admin);
    const store = await openStore(options);
    const idempotency = { clientId: 'web', key: 'carol' };
    const carol = { from: 'users/v1', type: 'add', data: { username: 'carol' } };
    expect(await store.append('users/v1', [carol], { idempotency })).toMatchObject([{ id: 4 }]);
    const { error } = await failure(store.append('users/v1', [event(1)], { idempotency }));
    expect(error).toMatchObject({ code: 'IdempotencyKeyReused' });
    expect(await store.append('users/v1', [carol])).toMatchObject([{ id: 5 }]);
  });

  it('a cursor tells when it came to be where it is', async () => {
    await write(admin);
    const store = await openStore(options);
    const saved = () => admin.hget('events:{users/v1}:cursors', 'mailer');
    await store.saveCursor('mailer', 'users/v1', 2);
    expect(await saved(), 'it has not moved').toBe('2');
    const before = Date.now();
    await store.saveCursor('mailer', 'users/v1', 3);
    const [, after, savedAt] = /^(\d+) (\d+)$/.exec((await saved()) ?? '') ?? [];
    expect(after).toBe('3');
    expect(Number(savedAt)).toBeGreaterThanOrEqual(before);
    expect(Number(savedAt)).toBeLessThanOrEqual(Date.now());
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.saveCursor('mailer', 'users/v1', 3);
    expect(await saved()).toBe(`${after} ${savedAt}`);
    expect(await store.loadCursor('mailer', 'users/v1')).toMatchObject({ after: 3 });
  });

  it('of saves of one consumer at once the last one counts', async () => {
    const store = await openStore(options);
    await store.saveCursor('mailer', 'users/v1', 5);
    await Promise.all([6, 7, 5].map((after) => store.saveCursor('mailer', 'users/v1', after)));
    expect(await store.loadCursor('mailer', 'users/v1')).toMatchObject({ after: 5 });
  });
});

describe('a layout', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await RedisServer.start();
  });
  afterEach(() => redis?.stop());

  it('that is unknown is refused, and left as it is', async () => {
    await redis.admin.set('events:layout', '3');
    const { error } = await failure(openStore({ url: redis.url }));
    expect(error).toMatchObject({
      code: 'ServiceUnavailable',
      message: `Cannot use Redis at 127.0.0.1:${redis.port}: expected events:layout to be 2, got "3"`,
    });
    expect(await redis.admin.keys('*')).toEqual(['events:layout']);
  });

  it('is that of its prefix, whatever that is', async () => {
    const prefix = 'a*[b]?:';
    await write(
      redis.admin,
      layout1.map(([command, key, ...args]) => [command, key.replace('events:', prefix), ...args]),
    );
    await redis.admin.set('events:layout', '3');
    const store = await openStore({ url: redis.url, keyPrefix: prefix });
    expect((await redis.admin.smembers(`${prefix}{users/v1}:consumer-types`)).sort()).toEqual(['', 'add']);
    await expectEverything(store);
  });
});
