import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { createRedisStore } from '@ganomede/events-store-redis';
import { RedisCluster } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisStorage } from '../src/redis-storage.js';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

describe('three masters with replicas', () => {
  describeEventStore('Redis Cluster', async (options) => {
    const store = await createRedisStore({ cluster: cluster.nodes, ...options });
    const peer = await createRedisStore({ cluster: cluster.nodes, ...options });
    return {
      store,
      peer,
      backUp: async () => {
        const restore = await cluster.backUp();
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

  describeStorage('Redis Cluster', () => RedisStorage.open({ cluster: cluster.nodes }));
});
