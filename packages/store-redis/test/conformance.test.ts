import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { RedisServer } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisStorage } from '../src/redis-storage.js';
import { openUnderTest } from './support/open-under-test.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('one Redis', () => {
  describeEventStore('Redis', (options) => openUnderTest({ url: redis.url }, options, () => redis.backUp()));

  describeStorage('Redis', () => RedisStorage.open({ url: redis.url }));
});
