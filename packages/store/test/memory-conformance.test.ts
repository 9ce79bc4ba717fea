import { openEventStore } from '@ganomede/events-store';
import {
  describeEventStore,
  describeProcessClock,
  describeStorage,
  type OpenStore,
} from '@ganomede/events-store/conformance';
import { MemoryStorage } from '../src/memory/memory-storage.js';

const open: OpenStore = async (options) => {
  let storage = new MemoryStorage();
  let store = await openEventStore(() => storage, options);
  const reopen = async () => {
    await store.close();
    store = await openEventStore(() => storage, options);
  };
  return {
    get store() {
      return store;
    },
    get peer() {
      return store;
    },
    trim: (channel, limits) => storage.channels.trim(channel, limits),
    reopen,
    backUp: async () => {
      const copy = new MemoryStorage(storage);
      return async () => {
        storage = new MemoryStorage(copy);
        await reopen();
        return store;
      };
    },
    close: () => store.close(),
  };
};

describeEventStore('memory', open, { modelRuns: 500, modelRestores: true });
describeProcessClock('memory', open);

describeStorage('memory', async () => new MemoryStorage());
