import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { createRedisStore } from '@ganomede/events-store-redis';
import { RedisServer } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisStorage } from '../src/redis-storage.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('one Redis', () => {
  describeEventStore('Redis', async (options) => {
    const store = await createRedisStore({ url: redis.url, ...options });
    const peer = await createRedisStore({ url: redis.url, ...options });
    return {
      store,
      peer,
      backUp: async () => {
        const restore = await redis.backUp();
        return async () => {
          await restore();
          return store;
        };
      },
      close: async () => {
        await store.close();
        await peer.close();
      },
    };
  });

  describeStorage('Redis', () => RedisStorage.open({ url: redis.url }));
});
