import { createRedisStore } from '@ganomede/events-store-redis';
import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Follower, Load } from './support/load.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
});
afterAll(() => redis?.stop());

it('loses nothing acknowledged where Redis is killed and restarted under load, with an AOF', async () => {
  const channel = 'crash';
  const store = await createRedisStore({ url: redis.url });
  const peer = await createRedisStore({ url: redis.url });
  try {
    const followers = [1, 3, 100].map((limit) => new Follower(peer, channel, limit));
    const load = new Load(store, channel, 16);
    for (let round = 1; round <= 3; round++) {
      const before = load.acknowledged.size;
      await until('events are acknowledged', () => load.acknowledged.size > before + 300);
      await redis.kill();
      const failures = load.errors.length;
      await until('appends fail', () => load.errors.length > failures + 16);
      await redis.restart();
    }
    const before = load.acknowledged.size;
    await until('events are acknowledged again', () => load.acknowledged.size > before + 300);
    await load.stop();

    const { events, lastId } = await store.read({ channel, after: 0, limit: 1_000_000 });
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: lastId }, (_, i) => i + 1));
    const numbers = events.map(({ data }) => (data as { n: number }).n);
    expect(new Set(numbers).size, 'nothing is stored twice').toBe(numbers.length);
    for (const [id, n] of load.acknowledged) expect(numbers[id - 1]).toBe(n);
    for (const error of load.errors) expect(error.code).toBe('ServiceUnavailable');

    for (const follower of followers) {
      await until('followers have everything', () => follower.lastId === lastId);
      await follower.stop();
      expect(follower.seen).toEqual(events.map(({ id, data }) => ({ id, n: (data as { n: number }).n })));
    }
  } finally {
    await Promise.all([store.close(), peer.close()]);
  }
}, 60_000);
