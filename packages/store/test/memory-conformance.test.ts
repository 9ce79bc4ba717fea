import { type EventStore, openEventStore } from '@ganomede/events-store';
import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { MemoryStorage } from '../src/memory/memory-storage.js';

describeEventStore('memory', async (options) => {
  let storage = new MemoryStorage();
  const opened: EventStore[] = [];
  const open = async () => {
    const store = await openEventStore(() => storage, options);
    opened.push(store);
    return store;
  };
  const store = await open();
  return {
    store,
    peer: store,
    backUp: async () => {
      const copy = new MemoryStorage(storage);
      return async () => {
        await opened.at(-1)?.close();
        storage = new MemoryStorage(copy);
        return open();
      };
    },
    close: async () => {
      await Promise.all(opened.map((each) => each.close()));
    },
  };
});

describeStorage('memory', async () => new MemoryStorage());
