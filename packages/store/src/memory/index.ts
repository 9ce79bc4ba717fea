import { type EventStore, openEventStore } from '../event-store.js';
import type { StoreOptions } from '../options.js';
import { MemoryStorage } from './memory-storage.js';

/**
 * Opens an event store in the memory of this process, for tests: it is empty, and what is in it is gone when the process
 * ends. It keeps every other promise of a store.
 *
 * @throws RangeError (as a rejection) if an option is invalid
 */
export function openMemoryStore(options: StoreOptions = {}): Promise<EventStore> {
  return openEventStore(() => new MemoryStorage(), options);
}
