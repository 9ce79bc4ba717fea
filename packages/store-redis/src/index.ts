export type { RedisAddress, RedisStoreOptions, RedisStoreSettings } from './options.js';
export { createRedisStore, openRedisStorage } from './redis-store.js';
