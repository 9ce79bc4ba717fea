import type { EventStore } from '@ganomede/events-store';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import type { Config } from './config.js';

export interface OpenedStore {
  readonly store: EventStore;
  /** Which store, and where its events are: for the first line of the log. */
  readonly description: string;
}

/** Opens the store that the configuration asks for. The rest of the server knows only the contract. */
export async function openStore(config: Config): Promise<OpenedStore> {
  const { dataDir, typedChannels } = config;
  const store = await openLmdbStore({ dataDir, typedChannels });
  return { store, description: `embedded store in ${dataDir} (set DATA_DIR for another folder)` };
}
