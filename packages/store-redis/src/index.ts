export type { RedisAddress, RedisStoreOptions, RedisStoreSettings } from './options.js';
export { createRedisStore } from './redis-store.js';
