import { describeEventStore } from '@ganomede/events-store/conformance';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { newDirectory } from './directories.js';

describeEventStore('LMDB', async (options) => {
  const store = await openLmdbStore({ dataDir: newDirectory(), ...options });
  return { store, peer: store, close: () => store.close() };
});
