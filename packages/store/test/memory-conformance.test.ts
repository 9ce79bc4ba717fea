import { type EventStore, openEventStore, type StoreOptions } from '@ganomede/events-store';
import {
  describeEventStore,
  describeProcessClock,
  describeStorage,
} from '@ganomede/events-store/conformance';
import { MemoryStorage } from '../src/memory/memory-storage.js';

async function openForSuite(options?: StoreOptions) {
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
}

describeEventStore('memory', openForSuite);
describeProcessClock('memory', openForSuite);

describeStorage('memory', async () => new MemoryStorage());
