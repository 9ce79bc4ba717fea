import type { StoreOptions } from '@ganomede/events-store';
import {
  describeEventStore,
  describeProcessClock,
  describeStorage,
} from '@ganomede/events-store/conformance';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { MemoryStorage } from '../src/memory/memory-storage.js';

async function open(options?: StoreOptions) {
  const store = await openMemoryStore(options);
  return { store, peer: store, close: () => store.close() };
}

describeEventStore('memory', open);
describeProcessClock('memory', open);

describeStorage('memory', async () => new MemoryStorage());
