import { openEventStore } from '@ganomede/events-store';
import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

describeEventStore('LMDB', async (options) => {
  const dataDir = newDirectory();
  const open = async () => {
    const storage = await LmdbStorage.open(dataDir);
    return { storage, store: await openEventStore(() => storage, options) };
  };
  let now = await open();
  return {
    get store() {
      return now.store;
    },
    get peer() {
      return now.store;
    },
    trim: (channel, limits) => now.storage.channels.trim(channel, limits, new AbortController().signal),
    reopen: async () => {
      await now.store.close();
      now = await open();
    },
    close: () => now.store.close(),
  };
});

describeStorage('LMDB', () => LmdbStorage.open(newDirectory()));
