import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEventStore, type StoreOptions } from '@ganomede/events-store';
import {
  describeEventStore,
  describeProcessClock,
  describeStorage,
  type StoreUnderTest,
} from '@ganomede/events-store/conformance';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

async function openForSuite(options?: StoreOptions): Promise<StoreUnderTest> {
  const dataDir = newDirectory();
  const open = async () => {
    const storage = await LmdbStorage.open(dataDir);
    return { storage, store: await openEventStore(() => storage, options) };
  };
  let now = await open();
  const file = join(dataDir, 'events.mdb');
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
    backUp: async () => {
      // Nothing is being written.
      const copy = join(newDirectory(), 'copy.mdb');
      copyFileSync(file, copy);
      return async () => {
        await now.store.close();
        rmSync(`${file}-lock`, { force: true });
        copyFileSync(copy, file);
        now = await open();
        return now.store;
      };
    },
    close: () => now.store.close(),
  };
}

describeEventStore('LMDB', openForSuite);
describeProcessClock('LMDB', openForSuite);

describeStorage('LMDB', () => LmdbStorage.open(newDirectory()));
