import type { EventPage, EventStore } from '@ganomede/events-store';
import { RedisServer, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { event, ids, openStore } from './support/stores.js';

/** The server stops when the test ends. */
async function untilTestEnds(starting: Promise<RedisServer>): Promise<RedisServer> {
  const redis = await starting;
  onTestFinished(() => redis.stop());
  return redis;
}

/** Appends the first event to each channel, and polls for the second. */
async function waitForSecond(store: EventStore, ...channels: string[]) {
  const waiting = store.waiting + channels.length;
  await Promise.all(channels.map((channel) => store.append(channel, [event(1)])));
  const polls = channels.map((channel) =>
    store.poll({ channel, after: 1, limit: 10 }, { timeoutMs: 60_000 }),
  );
  await until('polls wait', () => store.waiting === waiting);
  return polls as [Promise<EventPage>, ...Promise<EventPage>[]];
}

/** Stores a second event, of which nobody is notified. */
async function storeUnheard({ admin }: RedisServer, channel: string): Promise<void> {
  await admin
    .multi()
    .rpush(`events:{${channel}}:events`, '{"id":2,"timestamp":1,"from":"a","type":"b"}')
    .hset(`events:{${channel}}`, 'last', 2)
    .exec();
}

it('finds an event whose notification never came', async () => {
  const redis = await untilTestEnds(RedisServer.start());
  const store = await openStore({ url: redis.url, checkNotificationsMs: 50 });
  const [poll] = await waitForSecond(store, 'unheard');
  await storeUnheard(redis, 'unheard');
  expect(ids(await poll)).toEqual([2]);
});

it('finds it if channels lie in different slots of one server', async () => {
  const redis = await untilTestEnds(RedisServer.startCluster());
  const store = await openStore({ url: redis.url, checkNotificationsMs: 50 });
  const channels = ['a', 'b', 'c'];
  const polls = await waitForSecond(store, ...channels);
  for (const channel of channels) await storeUnheard(redis, channel);
  for (const poll of polls) expect(ids(await poll)).toEqual([2]);
  await store.close();
});

it('finds it if something else has taken the place of another channel', async () => {
  const redis = await untilTestEnds(RedisServer.start());
  const store = await openStore({ url: redis.url, checkNotificationsMs: 50 });
  const [poll] = await waitForSecond(store, 'unheard', 'taken');
  await redis.admin.set('events:{taken}', 'no hash');
  await storeUnheard(redis, 'unheard');
  expect(ids(await poll)).toEqual([2]);
});

it('looks at two thousand channels with two commands', async () => {
  const redis = await untilTestEnds(RedisServer.start());
  const store = await openStore({ url: redis.url, checkNotificationsMs: 200, commandTimeoutMs: 60_000 });
  const channels = Array.from({ length: 2_000 }, (_, n) => `waited/${n}`);
  // Not all at once: each subscription has two seconds to be confirmed, however busy the machine is.
  for (let n = 0; n < channels.length; n += 50) await waitForSecond(store, ...channels.slice(n, n + 50));
  const scripts = async () => (await redis.commandCounts()).get('evalsha') ?? 0;
  await redis.admin.config('RESETSTAT');
  const looks = async () => ((await redis.commandCounts()).get('hmget') ?? 0) / 2_000;
  await until('it has looked at all, twice', async () => (await looks()) >= 2);
  expect((await scripts()) / Math.ceil(await looks())).toBeLessThanOrEqual(2);
}, 60_000);
