import { describeEventStore } from '@ganomede/events-store/conformance';
import { openMemoryStore } from '@ganomede/events-store/memory';

describeEventStore('memory', async (options) => {
  const store = await openMemoryStore(options);
  return { store, peer: store, close: () => store.close() };
});
