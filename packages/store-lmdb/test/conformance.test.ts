import type { StoreOptions } from '@ganomede/events-store';
import {
  describeEventStore,
  describeProcessClock,
  describeStorage,
} from '@ganomede/events-store/conformance';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

async function open(options?: StoreOptions) {
  const store = await openLmdbStore({ dataDir: newDirectory(), ...options });
  return { store, peer: store, close: () => store.close() };
}

describeEventStore('LMDB', open);
describeProcessClock('LMDB', open);

describeStorage('LMDB', () => LmdbStorage.open(newDirectory()));
