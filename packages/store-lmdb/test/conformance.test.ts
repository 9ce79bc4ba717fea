import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

describeEventStore('LMDB', async (options) => {
  const store = await openLmdbStore({ dataDir: newDirectory(), ...options });
  return { store, peer: store, close: () => store.close() };
});

describeStorage('LMDB', () => LmdbStorage.open(newDirectory()));
