import { type EventStore, openEventStore, type StoreOptions } from '@ganomede/events-store';
import type { StoreUnderTest } from '@ganomede/events-store/conformance';
import type { RedisStoreOptions } from '../../src/options.js';
import { RedisStorage } from '../../src/redis-storage.js';

/** Two stores on one Redis, as the conformance suite takes them. `backUp` copies it; what it resolves with puts the copy back. */
export async function openUnderTest(
  redis: RedisStoreOptions,
  options: StoreOptions | undefined,
  backUp: () => Promise<() => Promise<void>>,
): Promise<StoreUnderTest> {
  const open = async (): Promise<{ storage: RedisStorage; store: EventStore; peer: EventStore }> => {
    const storage = await RedisStorage.open({ ...redis, ...options });
    const store = await openEventStore(() => storage, options);
    const peer = await openEventStore(() => RedisStorage.open({ ...redis, ...options }), options);
    return { storage, store, peer };
  };
  let now = await open();
  const close = async () => {
    await now.store.close();
    await now.peer.close();
  };
  return {
    get store() {
      return now.store;
    },
    get peer() {
      return now.peer;
    },
    trim: (channel, limits) => now.storage.channels.trim(channel, limits, new AbortController().signal),
    reopen: async () => {
      await close();
      now = await open();
    },
    backUp: async () => {
      const restore = await backUp();
      return async () => {
        await restore();
        return now.store;
      };
    },
    close,
  };
}
