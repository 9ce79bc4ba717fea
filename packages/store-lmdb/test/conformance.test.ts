import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore } from '@ganomede/events-store';
import { describeEventStore, describeStorage } from '@ganomede/events-store/conformance';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { newDirectory } from './directories.js';

describeEventStore('LMDB', async (options) => {
  const dataDir = newDirectory();
  const file = join(dataDir, 'events.mdb');
  const opened: EventStore[] = [];
  const open = async () => {
    const store = await openLmdbStore({ dataDir, ...options });
    opened.push(store);
    return store;
  };
  const store = await open();
  return {
    store,
    peer: store,
    backUp: async () => {
      // Nothing is being written.
      const copy = join(newDirectory(), 'copy.mdb');
      copyFileSync(file, copy);
      return async () => {
        await opened.at(-1)?.close();
        rmSync(`${file}-lock`, { force: true });
        copyFileSync(copy, file);
        return open();
      };
    },
    close: async () => {
      await Promise.all(opened.map((each) => each.close()));
    },
  };
});

describeStorage('LMDB', () => LmdbStorage.open(newDirectory()));
