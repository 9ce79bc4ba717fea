import { digestStore } from '@ganomede/events-store';
import { openRedisStorage } from '@ganomede/events-store-redis';
import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Follower, Load } from './support/load.js';
import { event, ids, openStore } from './support/stores.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

it('wakes 1,000 waiting polls of two servers with a handful of commands', async () => {
  const servers = [await openStore({ url: redis.url }), await openStore({ url: redis.url })];
  const publisher = await openStore({ url: redis.url });
  const channel = 'wake';
  await publisher.append(channel, [event(1)]);
  const polls = servers.flatMap((store) =>
    Array.from({ length: 500 }, () => store.poll({ channel, after: 1, limit: 100 }, { timeoutMs: 15_000 })),
  );
  await until('polls wait', () => servers.every(({ waiting }) => waiting === 500));

  await redis.admin.config('RESETSTAT');
  await publisher.append(channel, [event(2)]);
  const batches = await Promise.all(polls);
  const counts = await redis.commandCounts();
  for (const batch of batches) expect(ids(batch)).toEqual([2]);

  // One script, and what it calls: counted by Redis one by one.
  expect(Object.fromEntries([...counts].filter(([name]) => !/^(config|info|ping|hget$)/.test(name)))).toEqual(
    {
      evalsha: 1,
      hmget: 1,
      time: 1,
      rpush: 2,
      hset: 1,
      spublish: 1,
    },
  );
});

it.each([
  { channels: 1, eventsEach: 20_000 },
  { channels: 200, eventsEach: 100 },
])(
  'keeps $eventsEach events of 200 bytes in each of $channels channels in at most 1.25 times their size',
  async ({ channels, eventsEach }) => {
    const store = await openStore({ url: redis.url });
    const memory = async () => Number(/used_memory:(\d+)/.exec(await redis.admin.info('memory'))?.[1]);
    const sized = (id: number) => {
      const without = JSON.stringify({ id, timestamp: Date.now(), ...event(id), data: { text: '' } }).length;
      return { ...event(id), data: { text: 'x'.repeat(200 - without) } };
    };
    await redis.admin.flushall();
    // What the connection itself takes is there before and after.
    await store.append('warm', [event(1)]);
    const before = await memory();
    for (let channel = 1; channel <= channels; channel++) {
      for (let first = 1; first <= eventsEach; first += 1_000) {
        const count = Math.min(1_000, eventsEach);
        await store.append(
          `memory/${channel}`,
          Array.from({ length: count }, (_, i) => sized(first + i)),
        );
      }
    }
    const used = (await memory()) - before;
    const { events } = await store.read({ channel: 'memory/1', after: 0, limit: 10 });
    for (const stored of events) expect(JSON.stringify(stored)).toHaveLength(200);
    const ratio = used / (channels * eventsEach * 200);
    expect(ratio).toBeGreaterThan(1);
    expect(ratio).toBeLessThan(1.25);
  },
);

it('answers a read of 100 events with one command for the bounds and one for the events', async () => {
  const store = await openStore({ url: redis.url });
  const channel = 'read';
  await store.append(
    channel,
    Array.from({ length: 150 }, (_, n) => event(n)),
  );
  await redis.admin.config('RESETSTAT');
  expect((await store.read({ channel, after: 0, limit: 100 })).count).toBe(100);
  const counts = await redis.commandCounts();
  expect([counts.get('hmget'), counts.get('lrange')]).toEqual([1, 1]);
});

it('reads the ids of each type once for a backup, not once for each page of events', async () => {
  const store = await openStore({ url: redis.url, keyPrefix: 'backup:' });
  for (let n = 0; n < 5_000; n += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, i) => event(n + i, `type-${i % 50}`));
    await store.append('typed', some);
  }
  const storage = await openRedisStorage({ url: redis.url, keyPrefix: 'backup:' });
  await redis.admin.config('RESETSTAT');
  await digestStore(storage, {});
  const counts = await redis.commandCounts();
  await storage.close();
  expect(counts.get('evalsha')).toBeLessThan(100);
});

it('does not read a busy channel again if no notification was lost', async () => {
  const store = await openStore({ url: redis.url, checkNotificationsMs: 5 });
  const load = new Load(await openStore({ url: redis.url }), 'busy', 4);
  const follower = new Follower(store, 'busy', 1_000);
  await until('the follower has some', () => follower.lastId > 100);
  await redis.admin.config('RESETSTAT');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const counts = await redis.commandCounts();
  await Promise.all([load.stop(), follower.stop()]);
  const count = (command: string) => counts.get(command) ?? 0;
  // The bounds are read with the events, by an append (which alone asks for the time), and by the look at the end.
  const looks = count('hmget') - count('lrange') - count('time');
  expect(looks).toBeGreaterThan(20);
  expect(count('lrange')).toBeLessThan(looks / 5);
});
