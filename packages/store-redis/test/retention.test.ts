import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { event, events, openStore } from './support/stores.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

it('leaves nothing of old events but the counter, with several servers at it', async () => {
  const retention = { maxAgeMs: 500 };
  const stores = await Promise.all([1, 2, 3].map(() => openStore({ url: redis.url, retention })));
  for (const [i, store] of stores.entries()) {
    for (let n = 0; n < 20; n++) await store.append(`old/${n}`, [event(n, `type-${i}`), event(n, 'all')]);
  }
  await until('everything is gone', async () => {
    const keys = await redis.admin.keys('events:{old/*');
    return keys.every((key) => key.endsWith('}'));
  });
  expect(await redis.admin.hmget('events:{old/0}', 'first', 'last')).toEqual(['7', '6']);
  expect(await stores[0]?.append('old/0', [event(7, 'all')])).toMatchObject([{ id: 7 }]);
  expect(await redis.admin.lrange('events:{old/0}:type:all', 0, -1)).toEqual(['7']);
});

it('takes the ids of dropped events out of type lists', async () => {
  const store = await openStore({ url: redis.url, retention: { maxEvents: 10, maxAgeMs: 10_000 } });
  await store.append('many', [event(0, 'gone'), ...events(3_000)]);
  await store.append('many', events(5));
  await until(
    'type lists have followed',
    async () => (await redis.admin.llen('events:{many}:type:add')) <= 11,
  );
  await until(
    'empty ones are gone',
    async () => !(await redis.admin.sismember('events:{many}:types', 'gone')),
  );
  expect(await redis.admin.exists('events:{many}:type:gone')).toBe(0);
  const { firstId, lastId, count } = await store.read({ channel: 'many:add', after: 0, limit: 100 });
  expect([lastId, count]).toEqual([3_006, lastId - firstId + 1]);
});

it('sweeps with one command for each idle channel and a few for all, spread over the time between two sweeps', async () => {
  await redis.admin.flushall();
  const channels = 1_500;
  const intervalMs = 2_000;
  const retention = { maxEvents: 2, maxAgeMs: 10 * intervalMs };
  const writer = await openStore({ url: redis.url, retention });
  for (let n = 0; n < channels; n++) {
    // More than are kept: the first sweep has type lists to bring up to date.
    void writer.append(`idle/${n}`, [event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'b')]);
  }
  await until('type lists have followed', async () => {
    const lengths = await Promise.all(
      Array.from({ length: channels }, (_, n) => redis.admin.llen(`events:{idle/${n}}:type:a`)),
    );
    return lengths.every((length) => length === 1);
  });
  await Promise.all([1, 2].map(() => openStore({ url: redis.url, retention })));
  await new Promise((resolve) => setTimeout(resolve, intervalMs));

  await redis.admin.config('RESETSTAT');
  const progress: number[] = [];
  const sweeps = 2;
  for (let ms = 0; ms < sweeps * intervalMs; ms += 200) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    progress.push((await redis.commandCounts()).get('evalsha') ?? 0);
  }
  const counts = await redis.commandCounts();
  const scripts = (counts.get('evalsha') ?? 0) + (counts.get('eval') ?? 0);
  expect(scripts).toBeGreaterThan(channels);
  expect(scripts).toBeLessThanOrEqual((sweeps + 0.5) * channels);
  const others = ['zrange', 'zcard', 'get', 'set', 'pexpire'].map((name) => counts.get(name) ?? 0);
  expect(others.reduce((sum, count) => sum + count, 0)).toBeLessThan((sweeps * channels) / 10);
  const steps = progress.map((count, i) => count - (progress[i - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(channels / 2);
});
