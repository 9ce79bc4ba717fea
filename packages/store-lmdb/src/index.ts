export { type Compaction, compactLmdbStore } from './compact.js';
export { type LmdbStoreOptions, openLmdbStore } from './lmdb-store.js';
export { type Verification, verifyLmdbStore } from './verify.js';
