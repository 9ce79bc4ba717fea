import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { MemoryStorage } from '../src/memory/memory-storage.js';

describeEventStore('memory', async (options) => {
  const store = await openMemoryStore(options);
  return { store, peer: store, close: () => store.close() };
});

describeStorage('memory', async () => new MemoryStorage());
