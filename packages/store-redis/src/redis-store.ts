import { type EventStore, openEventStore, type Storage } from '@ganomede/events-store';
import type { RedisStoreOptions } from './options.js';
import { RedisStorage } from './redis-storage.js';

/**
 * Opens an event store on Redis 7 or newer, alone, with Sentinels or as a Redis Cluster. Any number of stores, in any number of
 * processes, may use the same keys.
 *
 * An append resolves once Redis has it and every reader can see it, and, with `minReplicas`, that many replicas;
 * how long Redis keeps it is a matter of its persistence (see the README). While Redis is away every method
 * rejects at once, polls that wait already wait on, and all goes on once it is back.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if Redis cannot be reached within
 * `connectTimeoutMs`, refuses, is too old or no Redis at all, or holds a layout of keys that is unknown. The message names the address.
 * @throws RangeError (as a rejection) if an option is invalid.
 */
export function createRedisStore(options: RedisStoreOptions): Promise<EventStore> {
  return openEventStore(() => RedisStorage.open(options), options);
}

/**
 * Opens the engine of that store alone, for those who copy what it holds (`exportStore`, `importStore`). Close it.
 *
 * @throws what `createRedisStore` does
 */
export function openRedisStorage(options: RedisStoreOptions): Promise<Storage> {
  return RedisStorage.open(options);
}
