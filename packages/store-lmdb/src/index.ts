export { type Compaction, compactLmdbStore } from './compact.js';
export { type LmdbStoreOptions, openLmdbStorage, openLmdbStore } from './lmdb-store.js';
export { type Verification, verifyLmdbStore } from './verify.js';
