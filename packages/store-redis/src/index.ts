export type { RedisAddress, RedisStoreOptions, RedisStoreSettings } from './options.js';
export type { MigrationTarget } from './original/channel-copy.js';
export { type MigrateOptions, migrateOriginal } from './original/migrate.js';
export type { MigrationProgress } from './original/migration.js';
export type { MigratedChannel, MigrationReport, TypedNames } from './original/migration-report.js';
export type { MigrationProblem } from './original/survey.js';
export { createRedisStore, openRedisStorage } from './redis-store.js';
