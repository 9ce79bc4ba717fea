import { type EventStore, openEventStore, type StoreOptions } from '@ganomede/events-store';
import type { RedisServer } from '@ganomede/events-testing';
import { onTestFinished } from 'vitest';
import { RedisStorage } from '../../src/redis-storage.js';

/** A store to bring something into, with its storage; both go with the test. */
export async function openTarget(
  redis: RedisServer,
  options: StoreOptions = {},
): Promise<{ storage: RedisStorage; store: EventStore }> {
  const storage = await RedisStorage.open({ url: redis.url });
  const store = await openEventStore(() => storage, options);
  onTestFinished(() => store.close());
  return { storage, store };
}
