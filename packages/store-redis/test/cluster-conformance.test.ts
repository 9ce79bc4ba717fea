import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { RedisCluster } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisStorage } from '../src/redis-storage.js';
import { openUnderTest } from './support/open-under-test.js';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

describe('three masters with replicas', () => {
  describeEventStore('Redis Cluster', (options) =>
    openUnderTest({ cluster: cluster.nodes }, options, () => cluster.backUp()),
  );

  describeStorage('Redis Cluster', () => RedisStorage.open({ cluster: cluster.nodes }));
});
